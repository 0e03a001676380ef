//! Query strings and path parameters.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{Error, Fields, Rule, json::broken_rule};

/// Most parameters of a query.
const MOST_PARAMETERS: usize = 100;

/// The query as a handler's argument. Empty values count as absent and unknown names are ignored.
/// 400 for a name given twice, 422 listing every parameter that cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    let malformed = Error::bad_query;
    let mut pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| malformed())?;
    if pairs.len() > MOST_PARAMETERS || pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(malformed());
    }
    pairs.retain(|(_, value)| !value.is_empty());
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return Err(malformed());
    }
    let mut fields = Fields::new();
    loop {
        let text = serde_urlencoded::to_string(&pairs).map_err(|_| malformed())?;
        let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
        let error = match serde_path_to_error::deserialize::<_, T>(deserializer) {
            Ok(_) if !fields.is_empty() => return Err(fields.into()),
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        if let Some(name) = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            // A required parameter has no stand-in: what was found so far is the answer.
            if !fields.names().any(|known| known == name) {
                fields.add(name, Rule::Required);
            }
            return Err(fields.into());
        }
        let before = pairs.len();
        pairs.retain(|(name, _)| *name != path);
        if pairs.len() == before {
            return Err(malformed());
        }
        fields.add(path, if reason.contains("digit") { Rule::Type("integer") } else { broken_rule(&reason) });
    }
}

/// Path parameters as a handler's argument. What cannot be one (a text for a number, bad UTF-8) does not exist: 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let raw = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Error::not_found())?;
        if raw.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Error::not_found());
        }
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await.map_err(|_| Error::not_found())?;
        Ok(Self(path.0))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Filter {
        page: Option<i64>,
        per_page: Option<i64>,
        name: Option<String>,
        sort: Option<Sort>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Sort {
        Newest,
    }

    #[test]
    fn parameters_are_read_and_empty_ones_are_absent() {
        let filter: Filter = read("page=2&name=a%20b&per_page=&sort=newest&other=1").unwrap();
        assert_eq!(
            filter,
            Filter { page: Some(2), per_page: None, name: Some("a b".to_owned()), sort: Some(Sort::Newest) }
        );
    }

    #[test]
    fn one_422_lists_every_parameter_that_cannot_be_read() {
        let error = read::<Filter>("page=x&per_page=99999999999999999999&sort=password").unwrap_err();
        assert_eq!(error.status(), 422);
        let mut names = error.fields().names().collect::<Vec<_>>();
        names.sort_unstable();
        assert_eq!(names, ["page", "per_page", "sort"]);
    }

    #[test]
    fn a_name_given_twice_or_a_nul_is_400() {
        for query in ["page=1&page=2", "name=%00"] {
            assert_eq!(read::<Filter>(query).unwrap_err().status(), 400, "{query}");
        }
    }
}
