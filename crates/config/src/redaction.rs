//! The redacted view of a configuration, which can be loaded again except that passwords are masked.

use std::{net::SocketAddr, path::Path, time::Duration};

use ipnet::IpNet;
use serde::{Serialize, Serializer, ser::SerializeMap};
use tollgate_core::Algorithm;
use tollgate_keys::RsaBits;

use super::stream::StreamTarget;
use super::telemetry::{HeaderSource, ResourceAttribute, Sample};
use super::values::{
    Database, LogFormat, LogLevel, LogSource, Rate, SecretSource, Share, Tls, WhenStale, duration_text,
};

/// A setting that can be shown, in the form in which the file has it.
pub(super) trait Redacted {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// Serializes a field of a section, for `serialize_with`.
pub(super) fn redacted<T: Redacted, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.redacted(serializer)
}

macro_rules! as_it_is {
    ($($kind:ty),*) => {$(
        impl Redacted for $kind {
            fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.serialize(serializer)
            }
        }
    )*};
}
as_it_is!(bool, usize, String);

macro_rules! by_display {
    ($($kind:ty),*) => {$(
        impl Redacted for $kind {
            fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
by_display!(SocketAddr, Rate, Sample, Share, WhenStale, LogFormat, LogLevel, LogSource, Algorithm);

macro_rules! empty_or_by_display {
    ($($kind:ty),*) => {$(
        impl Redacted for Option<$kind> {
            fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Some(value) => serializer.collect_str(value),
                    None => serializer.serialize_str(""),
                }
            }
        }
    )*};
}
empty_or_by_display!(SocketAddr, SecretSource, StreamTarget);

impl Redacted for RsaBits {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.bits())
    }
}

impl Redacted for Database {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

impl Redacted for Duration {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&duration_text(*self))
    }
}

impl Redacted for Option<Rate> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(rate) => serializer.collect_str(rate),
            None => serializer.serialize_str("off"),
        }
    }
}

impl Redacted for Option<Duration> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.unwrap_or_default().redacted(serializer)
    }
}

impl Redacted for Vec<SecretSource> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_slice() {
            [] => serializer.serialize_str(""),
            [one] => serializer.collect_str(one),
            several => serializer.collect_seq(several.iter().map(ToString::to_string)),
        }
    }
}

impl Redacted for Vec<String> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

macro_rules! each_by_display {
    ($($kind:ty),*) => {$(
        impl Redacted for Vec<$kind> {
            fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.iter().map(ToString::to_string))
            }
        }
    )*};
}
each_by_display!(IpNet, HeaderSource, ResourceAttribute);

impl Redacted for Option<Tls> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = |path: &Path| path.display().to_string();
        let (cert, key) = self.as_ref().map(|tls| (shown(&tls.cert), shown(&tls.key))).unwrap_or_default();
        let mut section = serializer.serialize_map(Some(2))?;
        section.serialize_entry("cert", &cert)?;
        section.serialize_entry("key", &key)?;
        section.end()
    }
}
