//! The addresses of the services of AWS.

use reqwest::Url;

use crate::{Environment, Reason, http};

/// Returns the address of a service, found as the SDKs of AWS do.
pub(super) fn endpoint(
    environment: &Environment,
    own: &str,
    service: &str,
    region: &str,
) -> Result<Url, Reason> {
    for name in [own, "AWS_ENDPOINT_URL"] {
        if let Some(address) = environment.variable(name) {
            return http::address(name, &address);
        }
    }
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    http::address("AWS_REGION", &format!("https://{service}.{region}.{domain}/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::environment;

    #[test]
    fn a_service_is_asked_in_the_region_and_its_partition() {
        let environment = environment(&[]);
        let address = |service, region| endpoint(&environment, "X", service, region).unwrap().to_string();
        assert_eq!(address("secretsmanager", "eu-west-1"), "https://secretsmanager.eu-west-1.amazonaws.com/");
        assert_eq!(address("sts", "cn-north-1"), "https://sts.cn-north-1.amazonaws.com.cn/");
    }
}
