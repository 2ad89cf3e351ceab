//! Names of keys, generations and channels in a Redis that several services may share.
//!
//! The namespace is in braces, so that none is a prefix of another (`folio` and `folio:2`). The character after it
//! distinguishes keys from generations: a pattern of keys never matches a generation.

use crate::glob;
use crate::kv::channel::Channel;
use crate::kv::slot;

/// See the module documentation.
pub(super) struct RedisNames {
    keys: String,
    stamps: String,
    channels: [String; Channel::ALL.len()],
    /// Prefix of every key pattern.
    pattern: String,
}

impl RedisNames {
    pub(super) fn new(namespace: &str) -> Self {
        let keys = format!("{{{namespace}}}:");
        Self {
            pattern: glob::literal(&keys),
            keys,
            stamps: format!("{{{namespace}}}#"),
            channels: Channel::ALL.map(|channel| format!("{{{namespace}}}@{}", channel.name())),
        }
    }

    pub(super) fn key(&self, key: &str) -> String {
        [&self.keys, key].concat()
    }

    /// The generation of the slot of `key`.
    pub(super) fn slot_stamp(&self, key: &str) -> String {
        format!("{}{}", self.stamps, slot(key))
    }

    /// The generation of all slots.
    pub(super) fn all_stamp(&self) -> String {
        [&self.stamps, "all"].concat()
    }

    /// `pattern` in Redis syntax, limited to this namespace.
    pub(super) fn pattern(&self, pattern: &str) -> String {
        [&*self.pattern, &glob::for_redis(pattern)].concat()
    }

    pub(super) fn channel(&self, channel: Channel) -> &str {
        &self.channels[channel as usize]
    }

    /// The channel named `name`.
    pub(super) fn channel_of(&self, name: &[u8]) -> Option<Channel> {
        Channel::ALL
            .into_iter()
            .find(|&channel| self.channel(channel).as_bytes() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_literal_whatever_it_holds() {
        let names = RedisNames::new("fo*o[1]");
        assert_eq!(names.key("a"), "{fo*o[1]}:a");
        assert_eq!(names.pattern("a*[b]?"), r"{fo\*o\[1\]}:a*\[b\]?");
    }

    #[test]
    fn channels_are_known_by_their_names() {
        let names = RedisNames::new("folio");
        for channel in Channel::ALL {
            let name = names.channel(channel);
            assert_eq!(names.channel_of(name.as_bytes()), Some(channel), "{name}");
        }
        assert_eq!(names.channel_of(b"{other}@sessions"), None);
    }
}
