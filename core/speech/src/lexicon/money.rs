//! Currencies by code and by sign.

use crate::reading::Reading;

/// A currency with its names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Currency {
    pub(crate) code: &'static str,
    vi: &'static str,
    one: &'static str,
    many: &'static str,
    /// The hundredth, one and many; `None` if it has none in use.
    pub(crate) cent: Option<(&'static str, &'static str)>,
}

impl Currency {
    pub(crate) const fn name(&self, is_one: bool, reading: Reading) -> &'static str {
        reading.pick(self.vi, if is_one { self.one } else { self.many })
    }

    /// Đồng are counted whole.
    pub(crate) fn is_dong(&self) -> bool {
        self.code == "VND"
    }
}

const fn currency(
    code: &'static str,
    vi: &'static str,
    one: &'static str,
    many: &'static str,
    cent: Option<(&'static str, &'static str)>,
) -> Currency {
    Currency { code, vi, one, many, cent }
}

const CENTS: Option<(&str, &str)> = Some(("cent", "cents"));

static CURRENCIES: [Currency; 17] = [
    currency("VND", "đồng", "dong", "dong", None),
    currency("USD", "đô la Mỹ", "dollar", "dollars", CENTS),
    currency("EUR", "ơ rô", "euro", "euros", CENTS),
    currency("GBP", "bảng Anh", "pound", "pounds", Some(("penny", "pence"))),
    currency("JPY", "yên Nhật", "yen", "yen", None),
    currency("CNY", "nhân dân tệ", "yuan", "yuan", None),
    currency("RMB", "nhân dân tệ", "yuan", "yuan", None),
    currency("NDT", "nhân dân tệ", "yuan", "yuan", None),
    currency("KRW", "uôn", "won", "won", None),
    currency("THB", "bạt Thái", "baht", "baht", None),
    currency("SGD", "đô la Singapore", "Singapore dollar", "Singapore dollars", CENTS),
    currency("AUD", "đô la Úc", "Australian dollar", "Australian dollars", CENTS),
    currency("CAD", "đô la Canada", "Canadian dollar", "Canadian dollars", CENTS),
    currency("HKD", "đô la Hồng Kông", "Hong Kong dollar", "Hong Kong dollars", CENTS),
    currency("CHF", "phơ răng Thụy Sĩ", "Swiss franc", "Swiss francs", None),
    currency("INR", "ru pi Ấn Độ", "rupee", "rupees", None),
    currency("BTC", "bitcoin", "bitcoin", "bitcoins", None),
];

/// Returns the currency of a code, in any case: `USD`, `vnđ`.
pub(crate) fn of_code(code: &str) -> Option<&'static Currency> {
    if code.eq_ignore_ascii_case("vnd") || matches!(code, "VNĐ" | "vnđ" | "Vnđ" | "VNđ") {
        return CURRENCIES.first();
    }
    CURRENCIES.iter().find(|currency| currency.code.eq_ignore_ascii_case(code))
}

/// Returns the currency of a sign.
pub(crate) fn of_symbol(sign: char) -> Option<&'static Currency> {
    of_code(match sign {
        '₫' => "VND",
        '$' | '＄' => "USD",
        '€' => "EUR",
        '£' => "GBP",
        '¥' | '￥' => "JPY",
        '₩' => "KRW",
        '฿' => "THB",
        '₹' => "INR",
        '₿' => "BTC",
        _ => return None,
    })
}
