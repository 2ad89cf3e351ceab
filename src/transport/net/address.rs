//! The policy on addresses that a run may access.
//!
//! The policy is applied to the resolved address at every connect, so a name cannot change its address during a run to
//! evade it. Loopback and private networks are allowed; addresses of cloud metadata services are never accessed; any
//! other host needs `--allow-host`.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services that are not link-local: AWS and Google over IPv6, Alibaba, Oracle and Azure.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// The policy of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct AddressPolicy {
    names: HashSet<String>,
    addresses: HashSet<IpAddr>,
}

/// The reason why an address may not be accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressRefusal {
    /// Link-local or a metadata service: no option allows it.
    Never,
    /// `0.0.0.0` or `::`; systems disagree on their meaning.
    Unspecified,
    /// Neither loopback nor private, and not allowed by name.
    NotAllowed,
}

impl AddressPolicy {
    /// Allows these hosts, by name as in the URL or by address, in addition to loopback and private addresses.
    pub(super) fn new(allowed: Vec<String>) -> Self {
        let mut policy = Self::default();
        for host in allowed {
            let host = normal(&host);
            match host.parse::<IpAddr>() {
                Ok(address) => policy.addresses.insert(embedded(address)),
                Err(_) => policy.names.insert(host),
            };
        }
        policy
    }

    /// Checks that `address`, which `host` resolved to, may be accessed.
    pub(super) fn permit(&self, host: &str, address: IpAddr) -> Result<(), AddressRefusal> {
        let address = embedded(address);
        if address.is_unspecified() {
            Err(AddressRefusal::Unspecified)
        } else if is_link_local(address) || METADATA.contains(&address) {
            Err(AddressRefusal::Never)
        } else if is_private(address)
            || self.addresses.contains(&address)
            || self.names.contains(&normal(host))
        {
            Ok(())
        } else {
            Err(AddressRefusal::NotAllowed)
        }
    }
}

impl AddressRefusal {
    /// The refusal in words, with the remedy.
    pub(super) fn describe(self, host: &str, address: IpAddr) -> String {
        match self {
            Self::Never => {
                format!("{address} is a link-local or metadata address, which is never loaded")
            }
            Self::Unspecified => format!(
                "{address} is the unspecified address; use 127.0.0.1 or ::1 for this machine"
            ),
            Self::NotAllowed => format!(
                "{address} is neither loopback nor private; if you may load it, add --allow-host {host}"
            ),
        }
    }
}

/// Lower case, without brackets and the final dot.
fn normal(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// The IPv4 address inside an IPv6 one (mapped, or NAT64's well-known prefix, RFC 6052), else the address itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into()
        }
        _ => address,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Loopback, RFC 1918 or `fc00::/7`. Not `100.64.0.0/10`: that network belongs to the provider, not to the user.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(allowed: &[&str], host: &str, address: &str) -> Result<(), AddressRefusal> {
        let allowed = allowed.iter().map(ToString::to_string).collect();
        AddressPolicy::new(allowed).permit(host, address.parse().expect("an address"))
    }

    #[test]
    fn own_networks_are_free() {
        for address in [
            "127.0.0.1",
            "127.8.9.1",
            "::1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "fd12::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(permit(&[], "h", address), Ok(()), "{address}");
        }
    }

    #[test]
    fn metadata_is_refused_whatever_is_allowed_and_however_it_is_written() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "100.100.100.200",
        ] {
            assert_eq!(
                permit(&["h", address], "h", address),
                Err(AddressRefusal::Never),
                "{address}"
            );
        }
        for address in ["0.0.0.0", "::", "::ffff:0.0.0.0"] {
            assert_eq!(
                permit(&["h"], "h", address),
                Err(AddressRefusal::Unspecified),
                "{address}"
            );
        }
    }

    #[test]
    fn others_must_be_named_by_host_or_address() {
        for address in [
            "93.184.216.34",
            "172.32.0.1",
            "100.64.0.1",
            "2606:2800::1",
            "fec0::1",
        ] {
            assert_eq!(
                permit(&[], "example.org", address),
                Err(AddressRefusal::NotAllowed),
                "{address}"
            );
            assert_eq!(
                permit(&["Example.ORG"], "example.org.", address),
                Ok(()),
                "{address}"
            );
            assert_eq!(
                permit(&[address], "example.org", address),
                Ok(()),
                "{address}"
            );
            assert_eq!(
                permit(&["example.com"], "example.org", address),
                Err(AddressRefusal::NotAllowed)
            );
        }
        assert_eq!(permit(&["[2606:2800::1]"], "h", "2606:2800::1"), Ok(()));
    }
}
