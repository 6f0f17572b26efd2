//! Amounts and currencies.

use std::fmt;

use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_decimal::options::DecimalFormatterOptions;
use icu_locale_core::{Locale, locale};
use iso_currency::Currency as Iso;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tollgate_http::fields::{FromJson, Refused};
use tollgate_http::json::Json;

use super::text::string;

/// An amount in minor units of its currency: 1 to 9 999 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Amount(u32);

impl Amount {
    /// The largest amount, in minor units.
    pub(crate) const MAX: u32 = 9_999_999;

    /// Makes an amount from a stored one, even if requests with it are no longer accepted.
    pub(super) const fn stored(minor_units: u32) -> Self {
        Self(minor_units)
    }

    /// Returns the number of minor units.
    pub(crate) const fn minor_units(self) -> u32 {
        self.0
    }

    /// Writes it in major units for a person, with as many decimals as `currency` has and in the style of `locale`
    /// (Unicode CLDR): `1,234.50` for `en-GB`, `1.234,50` for `de-DE`. A tag that is not a Unicode locale,
    /// such as `i-klingon`, counts as English.
    pub(crate) fn in_major_units(self, currency: Currency, locale: &str) -> String {
        let locale = Locale::try_from_str(locale).unwrap_or(locale!("en"));
        let mut amount = Decimal::from(self.0);
        amount.multiply_pow10(-currency.exponent());
        DecimalFormatter::try_new((&locale).into(), DecimalFormatterOptions::default())
            .map_or_else(|_| amount.to_string(), |format| format.format(&amount).to_string())
    }
}

impl TryFrom<u64> for Amount {
    type Error = Refused;

    fn try_from(minor_units: u64) -> Result<Self, Refused> {
        match u32::try_from(minor_units) {
            Ok(amount @ 1..=Self::MAX) => Ok(Self(amount)),
            _ => Err(OUT_OF_RANGE.into()),
        }
    }
}

impl FromJson for Amount {
    fn from_json(json: &Json) -> Result<Self, Refused> {
        match json {
            // `100.0` and `1e2` are not written as integers, whatever their value.
            Json::Number(number) => number.as_u64().ok_or(OUT_OF_RANGE)?.try_into(),
            other => Err(Refused::ill_typed("an integer", other)),
        }
    }
}

const OUT_OF_RANGE: &str =
    "must be an integer from 1 to 9999999, in minor units and without fraction or exponent";

/// A currency of ISO 4217 that money is paid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Currency(Iso);

impl Currency {
    /// Returns every currency that a payment can be in, by looking up each code of three letters.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let letters = || 'A'..='Z';
        let pairs = letters().flat_map(|a| letters().map(move |b| (a, b)));
        let codes = pairs.flat_map(|(a, b)| letters().map(move |c| String::from_iter([a, b, c])));
        codes.filter_map(|code| Self::read(&code).ok()).collect()
    }

    fn read(code: &str) -> Result<Self, Refused> {
        let currency = Iso::from_code(code).map(Self).filter(|currency| currency.is_current());
        let currency = currency.ok_or("must be an ISO 4217 currency code in upper case, such as EUR")?;
        // Gold, the code for testing and the like: an amount in minor units has no meaning.
        currency.0.exponent().ok_or("must be a currency that has a minor unit")?;
        Ok(currency)
    }

    /// Returns its ISO 4217 code, such as `EUR`.
    pub(crate) fn code(self) -> &'static str {
        self.0.code()
    }

    /// Returns its English name, such as `Euro`.
    pub(crate) fn name(&self) -> &str {
        self.0.name()
    }

    /// Returns how many decimals its major unit has (ISO 4217, minor unit): 2 for EUR, 0 for JPY, 3 for BHD.
    pub(crate) fn exponent(self) -> i16 {
        self.0.exponent().map_or(0, |decimals| i16::try_from(decimals).expect("no currency has more than 4"))
    }

    /// Says whether it is in the current list. The crate keeps codes that ISO has withdrawn and calls them superseded; it
    /// does that to VES, too, which circulates beside VED.
    fn is_current(self) -> bool {
        self.0 == Iso::VES || self.0.is_superseded().is_none()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromJson for Currency {
    fn from_json(json: &Json) -> Result<Self, Refused> {
        Self::read(string(json)?)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    /// Reads any code that was ever valid: a payment outlives its currency.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Iso::from_code(&code).map(Self).ok_or_else(|| de::Error::custom("not an ISO 4217 code"))
    }
}

#[cfg(test)]
mod tests {
    use tollgate_http::Problems;

    use super::*;

    fn amount(text: &str) -> Result<Amount, Refused> {
        Amount::from_json(&tollgate_http::json::read(text.as_bytes(), &mut Problems::new()).unwrap())
    }

    fn currency(code: &str) -> Result<Currency, Refused> {
        Currency::from_json(&Json::String(code.into()))
    }

    #[test]
    fn an_amount_is_an_integer_in_range() {
        for (text, minor_units) in [("1", 1), ("100", 100), ("9999999", 9_999_999)] {
            assert_eq!(amount(text).unwrap().minor_units(), minor_units);
        }
        for bad in [
            "0",
            "-1",
            "-0",
            "10000000",
            "4294967297",
            "18446744073709551616",
            "1.0",
            "100.0",
            "0.5",
            "1e3",
            "1E0",
            "\"100\"",
            "true",
            "null",
            "[]",
            "{}",
        ] {
            assert!(amount(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_currency_is_in_the_current_list_and_has_a_minor_unit() {
        for good in ["EUR", "GBP", "USD", "JPY", "BHD", "XCG", "ZWG", "SLE", "VED", "VES", "CHE", "CLF"] {
            assert_eq!(currency(good).unwrap().code(), good);
        }
        for bad in
            ["", "eur", "Eur", "EURO", "978", "EUR ", "ZZZ", "HRK", "BGN", "CUC", "SLL", "ZWL", "ANG", "DEM"]
        {
            assert!(currency(bad).is_err(), "{bad:?}");
        }
        for bad in ["XXX", "XTS", "XAU", "XDR"] {
            assert_eq!(currency(bad).unwrap_err().to_string(), "must be a currency that has a minor unit");
        }
        assert!(Currency::from_json(&Json::Null).is_err());
    }

    /// The list of 1 January 2026 has 178 codes, of which 13 have no minor unit ("N.A.").
    #[test]
    fn the_list_is_the_one_of_2026() {
        let all = Currency::all();
        let with = |exponent| {
            all.iter().filter(move |currency| currency.exponent() == exponent).map(|currency| currency.code())
        };
        assert_eq!(
            with(0).collect::<Vec<_>>(),
            [
                "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
                "VUV", "XAF", "XOF", "XPF"
            ]
        );
        assert_eq!(with(3).collect::<Vec<_>>(), ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]);
        assert_eq!(with(4).collect::<Vec<_>>(), ["CLF", "UYW"]);
        assert_eq!(all.len(), 165);
    }

    #[test]
    fn an_amount_is_written_with_the_decimals_of_its_currency() {
        for (minor_units, code, text) in [
            (1, "EUR", "0.01"),
            (123_450, "EUR", "1,234.50"),
            (9_999_999, "GBP", "99,999.99"),
            (9_999_999, "JPY", "9,999,999"),
            (500, "JPY", "500"),
            (1_234_567, "BHD", "1,234.567"),
            (7, "BHD", "0.007"),
            (9_999_999, "CLF", "999.9999"),
        ] {
            assert_eq!(Amount(minor_units).in_major_units(currency(code).unwrap(), "en-GB"), text);
        }
    }

    #[test]
    fn an_amount_is_written_as_its_locale_writes_numbers() {
        for (locale, text) in [
            ("en-US", "12,345.60"),
            ("de-DE", "12.345,60"),
            ("fr-FR", "12\u{202f}345,60"),
            ("sv", "12\u{a0}345,60"),
            ("ar-KW", "١٢٬٣٤٥٫٦٠"),
            ("ja-JP", "12,345.60"),
            // Nothing is known about any of these locales.
            ("i-klingon", "12,345.60"),
            ("x-whatever", "12,345.60"),
            ("qaa-Qaaa-QM-x-southern", "12,345.60"),
        ] {
            assert_eq!(Amount(1_234_560).in_major_units(currency("EUR").unwrap(), locale), text, "{locale}");
        }
    }

    #[test]
    fn what_was_stored_reads_back() {
        assert_eq!(serde_json::to_string(&(Amount(5), currency("EUR").unwrap())).unwrap(), r#"[5,"EUR"]"#);
        assert_eq!(serde_json::from_str::<Currency>("\"BGN\"").unwrap().code(), "BGN");
        assert!(serde_json::from_str::<Currency>("\"eur\"").is_err());
    }
}
