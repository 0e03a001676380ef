//! Pages of lists.

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Error, Fields, Query, Rule};

/// Rows of a page unless the client says otherwise.
pub(crate) const DEFAULT_PER_PAGE: i64 = 50;
/// Most rows of a page.
pub(crate) const MOST_PER_PAGE: i64 = 200;
/// Furthest page; beyond it lies no list that we serve.
const LAST_PAGE: i64 = 10_000_000;

/// Which part of a list is asked for. As an argument of a handler it is read from the query; outside of the ranges is 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub page: i64,
    /// 1..=200.
    pub per_page: i64,
}

impl Page {
    /// Returns how many rows stand before this page.
    pub const fn offset(self) -> i64 {
        (self.page - 1) * self.per_page
    }

    /// Returns how many rows to read.
    pub const fn limit(self) -> i64 {
        self.per_page
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { page: 1, per_page: DEFAULT_PER_PAGE }
    }
}

/// `page` and `per_page` of the query. Name it in `params(web::PageParams)` of a list's documentation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<i64>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    per_page: Option<i64>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Query(params) = Query::<PageParams>::from_request_parts(parts, state).await?;
        let page = Self { page: params.page.unwrap_or(1), per_page: params.per_page.unwrap_or(DEFAULT_PER_PAGE) };
        let mut fields = Fields::new();
        fields.check("page", (1..=LAST_PAGE).contains(&page.page), Rule::Between(1, LAST_PAGE));
        fields.check("per_page", (1..=MOST_PER_PAGE).contains(&page.per_page), Rule::Between(1, MOST_PER_PAGE));
        fields.finish()?;
        Ok(page)
    }
}

/// One page of a list in the contract's flat envelope.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    pub current_page: i64,
    pub data: Vec<T>,
    /// At least 1.
    pub last_page: i64,
    pub per_page: i64,
    /// Rows of the whole list.
    pub total: i64,
}

impl<T> Listing<T> {
    /// Makes the answer of a page's rows and of how many rows there were when they were counted.
    pub fn new(page: Page, data: Vec<T>, total: i64) -> Self {
        // Rows come and go between two reads; a page that is not full is the last one and knows better.
        let shown = i64::try_from(data.len()).unwrap_or(i64::MAX);
        let total = match shown {
            0 if page.page > 1 => total,
            _ if shown < page.per_page => page.offset() + shown,
            _ => total.max(page.offset() + shown),
        };
        let last_page = ((total + page.per_page - 1) / page.per_page).max(1);
        Self { current_page: page.page, data, last_page, per_page: page.per_page, total }
    }

    /// Turns each row into its wire form.
    pub fn map<U>(self, shape: impl FnMut(T) -> U) -> Listing<U> {
        Listing {
            current_page: self.current_page,
            data: self.data.into_iter().map(shape).collect(),
            last_page: self.last_page,
            per_page: self.per_page,
            total: self.total,
        }
    }
}

impl<T: Serialize> IntoResponse for Listing<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(page: i64, rows: usize, total: i64) -> (i64, i64) {
        let page = Page { page, ..Page::default() };
        let listing = Listing::new(page, vec![(); rows], total);
        (listing.total, listing.last_page)
    }

    #[test]
    fn the_last_page_is_at_least_one() {
        for (page, rows, total, last) in [(1, 0, 0, 1), (1, 1, 1, 1), (1, 50, 50, 1), (1, 50, 51, 2), (3, 50, 234, 5)] {
            assert_eq!(listing(page, rows, total), (total, last));
        }
    }

    #[test]
    fn a_row_that_came_between_two_reads_is_in_the_page_and_in_the_total_or_in_neither() {
        assert_eq!(listing(1, 0, 1), (0, 1), "it came after the page was read");
        assert_eq!(listing(1, 1, 0), (1, 1), "it came after the count");
        assert_eq!(listing(2, 1, 50), (51, 2));
        assert_eq!(listing(1, 50, 49), (50, 1));
        assert_eq!(listing(9, 0, 3), (3, 1), "a page behind the end says nothing");
    }
}
