//! Pages of lists, as links.

use web::Listing;

use crate::{
    asked::Asked,
    view::{Plain, View},
};

/// Where in a list a page stands.
pub(crate) struct Pager {
    pub(crate) page: i64,
    pub(crate) last: i64,
    pub(crate) total: i64,
    /// Number of the page's first row, from 1; 0 for an empty list.
    pub(crate) from: i64,
    pub(crate) to: i64,
    path: String,
    query: String,
}

impl Pager {
    pub(crate) fn of<T>(listing: &Listing<T>, asked: &Asked) -> Self {
        let before = (listing.current_page - 1) * listing.per_page;
        let rows = i64::try_from(listing.data.len()).unwrap_or(0);
        Self {
            page: listing.current_page,
            last: listing.last_page,
            total: listing.total,
            from: if rows == 0 { 0 } else { before + 1 },
            to: before + rows,
            path: asked.path().to_owned(),
            query: asked.query_without(&["page"]),
        }
    }

    /// Returns the address of another page with the same filters.
    pub(crate) fn href(&self, page: impl Plain<i64>) -> String {
        let page = page.plain();
        match (page, self.query.is_empty()) {
            (1, true) => self.path.clone(),
            (1, false) => format!("{}?{}", self.path, self.query),
            (_, true) => format!("{}?page={page}", self.path),
            (_, false) => format!("{}?{}&page={page}", self.path, self.query),
        }
    }

    /// Tells whether this is the page that is shown.
    pub(crate) fn is_at(&self, page: impl Plain<i64>) -> bool {
        page.plain() == self.page
    }

    /// Returns the numbers of the page's rows: `26–50`.
    pub(crate) fn span(&self, view: &View) -> String {
        format!("{}–{}", view.number(self.from), view.number(self.to))
    }

    pub(crate) fn previous(&self) -> Option<String> {
        (self.page > 1).then(|| self.href((self.page - 1).min(self.last)))
    }

    pub(crate) fn next(&self) -> Option<String> {
        (self.page < self.last).then(|| self.href(self.page + 1))
    }

    /// Returns the pages to name: the first, the last, this one and its neighbours; `None` where some are left out.
    pub(crate) fn numbers(&self) -> Vec<Option<i64>> {
        let mut numbers = Vec::new();
        let mut before = 0;
        for page in (1..=self.last).filter(|&page| page == 1 || page == self.last || (page - self.page).abs() <= 1) {
            if page == before + 2 {
                numbers.push(Some(page - 1));
            } else if page > before + 2 {
                numbers.push(None);
            }
            numbers.push(Some(page));
            before = page;
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(page: i64, last: i64) -> Vec<i64> {
        let pager = Pager { page, last, total: 0, from: 0, to: 0, path: String::new(), query: String::new() };
        pager.numbers().into_iter().map(|number| number.unwrap_or(0)).collect()
    }

    #[test]
    fn pages_far_away_are_left_out() {
        assert_eq!(numbers(1, 1), [1]);
        assert_eq!(numbers(2, 3), [1, 2, 3]);
        assert_eq!(numbers(6, 12), [1, 0, 5, 6, 7, 0, 12]);
        assert_eq!(numbers(3, 12), [1, 2, 3, 4, 0, 12]);
        assert_eq!(numbers(4, 12), [1, 2, 3, 4, 5, 0, 12]);
    }
}
