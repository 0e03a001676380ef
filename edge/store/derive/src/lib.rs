//! `#[derive(FromRow)]`: fills a struct from the columns of the same names. Re-exported by `store`.
//!
//! A derive of our own because the driver's needs its traits on every field type, and ids live in `domain`.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, parse_macro_input, spanned::Spanned};

/// Implements `store::FromRow`: each field is read from the column that bears its name.
#[proc_macro_derive(FromRow)]
pub fn from_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

fn expand(input: &DeriveInput) -> Result<proc_macro2::TokenStream, Error> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.span(), "a row is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(input.span(), "a row has named fields; a tuple needs no derive"));
    };
    let name = &input.ident;
    let (idents, columns): (Vec<_>, Vec<_>) =
        fields.named.iter().filter_map(|field| field.ident.clone()).map(|i| (i.clone(), plain(&i))).unzip();
    Ok(quote! {
        impl ::store::FromRow for #name {
            fn from_row(row: &::store::Row) -> ::std::result::Result<Self, ::store::Error> {
                ::std::result::Result::Ok(Self { #(#idents: row.get(#columns)?),* })
            }
        }
    })
}

/// Returns the column's name: `r#type` reads `type`.
fn plain(ident: &syn::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}
