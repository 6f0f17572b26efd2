//! A caller behind a trusted proxy can't choose its address: what it writes left of the proxy's own hop changes nothing.
//! Only what can be read is believed.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use tollgate_http::{ClientAddress, client_address};

const NAME: &str = "x-forwarded-for";

fuzz_target!(|lines: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(NAME, value);
    }
    let trusted: [IpNet; 2] = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("it is a network"));
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    // Nobody but a trusted peer is believed.
    assert_eq!(client_address(stranger, &headers, &trusted), ClientAddress::Known(stranger));
    assert_eq!(client_address(proxy, &headers, &[]), ClientAddress::Known(proxy));
    let mut appended = headers.clone();
    appended.append(NAME, HeaderValue::from_static("192.0.2.7"));
    assert_eq!(client_address(proxy, &appended, &trusted), ClientAddress::Known(stranger));
    // Whatever is found stands in the header.
    if let ClientAddress::Known(found) = client_address(proxy, &headers, &trusted) {
        let text: Vec<_> = headers.get_all(NAME).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let words = text.iter().flat_map(|line| line.split(|letter: char| !letter.is_ascii_hexdigit() && !".:".contains(letter)));
        let mut addresses = words.filter_map(address);
        assert!(addresses.any(|listed| listed == found), "{found} is not in {text:?}");
    }
});

/// The address that a word begins with, whatever its port.
fn address(word: &str) -> Option<IpAddr> {
    let host = || word.rsplit_once(':').and_then(|(host, _)| host.parse::<IpAddr>().ok());
    word.parse().ok().or_else(host).map(|address: IpAddr| address.to_canonical())
}
