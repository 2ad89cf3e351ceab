//! The origin of the assets: generates a body from the seed on every request, which is the work that an edge saves.
//!
//! Every asset has a plain name, whose content may change, and a versioned name with the hash of its content, whose
//! content may not: `app.css`, `app.3f2a9c10.css`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::content::{ASSETS, AssetForm, body};

/// The plain name of the manifest, which maps plain to versioned names.
const MANIFEST: &str = "manifest.json";
/// For names that contain the hash of their content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Generates assets; cheap until the first request.
pub(super) struct Origin {
    seed: u64,
    catalogue: OnceLock<AssetCatalogue>,
}

/// Metadata of the assets.
struct AssetCatalogue {
    names: HashMap<String, AssetName>,
    /// By position in [`ASSETS`], then the manifest's.
    tags: Vec<HeaderValue>,
    /// Versioned names of the page's links.
    links: Vec<String>,
    manifest: Bytes,
}

#[derive(Clone, Copy)]
struct AssetName {
    place: usize,
    lasts: NameLifetime,
}

#[derive(Clone, Copy)]
enum NameLifetime {
    /// For `edge.ttl`.
    AWhile,
    ForEver,
}

/// The origin's answer for a known name.
pub(super) enum OriginAnswer {
    /// The asset.
    Whole(Asset),
    /// The presented tag is still current; the copy stays valid under this `Cache-Control`.
    Unchanged(HeaderValue),
}

/// An asset with its headers.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) body: Bytes,
    pub(super) content_type: &'static str,
    pub(super) tag: HeaderValue,
    pub(super) cache_control: HeaderValue,
}

impl Origin {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            catalogue: OnceLock::new(),
        }
    }

    /// The asset of this name, or the confirmation that the tag `known` is current; `plain_ttl` applies to plain names.
    /// `None` for an unknown name. Takes milliseconds of CPU, the first time tens of them.
    pub(super) fn ask(
        &self,
        name: &str,
        known: Option<&HeaderValue>,
        plain_ttl: Duration,
    ) -> Option<OriginAnswer> {
        let catalogue = self.catalogue();
        let AssetName { place, lasts } = *catalogue.names.get(name)?;
        let cache_control = match lasts {
            NameLifetime::ForEver => FOR_EVER,
            NameLifetime::AWhile => {
                let text = format!("public, max-age={}", plain_ttl.as_secs());
                HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-store"))
            }
        };
        if known == Some(&catalogue.tags[place]) {
            return Some(OriginAnswer::Unchanged(cache_control));
        }
        let (body, content_type) = match ASSETS.get(place) {
            Some((_, form)) => {
                let body = Bytes::from(body(self.seed, place, &catalogue.links));
                (body, form.content_type())
            }
            None => (
                catalogue.manifest.clone(),
                AssetForm::Records.content_type(),
            ),
        };
        Some(OriginAnswer::Whole(Asset {
            tag: tag(&hash(&body)),
            body,
            content_type,
            cache_control,
        }))
    }

    fn catalogue(&self) -> &AssetCatalogue {
        self.catalogue
            .get_or_init(|| AssetCatalogue::new(self.seed))
    }
}

impl AssetCatalogue {
    fn new(seed: u64) -> Self {
        let mut catalogue = Self {
            names: HashMap::new(),
            tags: vec![HeaderValue::from_static("\"\""); ASSETS.len()],
            links: Vec::new(),
            manifest: Bytes::new(),
        };
        let mut manifest = serde_json::Map::new();
        // The page last, because it links to the versions of the others.
        for (place, (stem, form)) in ASSETS.iter().enumerate().rev() {
            let body = body(seed, place, &catalogue.links);
            let hash = hash(&body);
            let plain = format!("{stem}.{}", form.extension());
            let versioned = format!("{stem}.{}.{}", &hash[..8], form.extension());
            catalogue.tags[place] = tag(&hash);
            if *form != AssetForm::Records {
                catalogue.links.push(versioned.clone());
            }
            manifest.insert(plain.clone(), versioned.clone().into());
            catalogue.name(plain, place, NameLifetime::AWhile);
            catalogue.name(versioned, place, NameLifetime::ForEver);
        }
        catalogue.manifest = serde_json::Value::Object(manifest).to_string().into();
        catalogue.tags.push(tag(&hash(&catalogue.manifest)));
        catalogue.name(MANIFEST.to_owned(), ASSETS.len(), NameLifetime::AWhile);
        // The page does not fetch itself.
        catalogue.links.pop();
        catalogue
    }

    fn name(&mut self, name: String, place: usize, lasts: NameLifetime) {
        self.names.insert(name, AssetName { place, lasts });
    }
}

/// SHA-256 as hexadecimal.
fn hash(body: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(body) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A strong entity tag.
fn tag(hash: &str) -> HeaderValue {
    let quoted = format!("\"{}\"", &hash[..32]);
    HeaderValue::from_str(&quoted).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(origin: &Origin, name: &str) -> Asset {
        match origin.ask(name, None, Duration::from_mins(1)) {
            Some(OriginAnswer::Whole(asset)) => asset,
            _ => panic!("{name} is an asset"),
        }
    }

    #[test]
    fn a_regenerated_asset_matches_its_tag_and_version() {
        let origin = Origin::new(1);
        let manifest = whole(&origin, MANIFEST);
        let manifest: HashMap<String, String> =
            serde_json::from_slice(&manifest.body).expect("names");
        assert_eq!(manifest.len(), 40);
        for (plain, versioned) in &manifest {
            let (one, other) = (whole(&origin, plain), whole(&origin, versioned));
            assert_eq!(one.body, other.body, "{plain}");
            assert_eq!(one.tag, other.tag, "{plain}");
            assert!(versioned.contains(&hash(&one.body)[..8]), "{versioned}");
            assert_eq!(one.cache_control, "public, max-age=60");
            assert_eq!(other.cache_control, FOR_EVER);
            for (name, cache_control) in
                [(plain, one.cache_control), (versioned, other.cache_control)]
            {
                let again = origin.ask(name, Some(&one.tag), Duration::from_mins(1));
                assert!(
                    matches!(again, Some(OriginAnswer::Unchanged(found)) if found == cache_control),
                    "{name}"
                );
            }
        }
        assert!(
            origin
                .ask("app.00000000.css", None, Duration::ZERO)
                .is_none()
        );
    }

    #[test]
    fn another_seed_gives_other_versions() {
        let [one, other] = [1, 2].map(|seed| whole(&Origin::new(seed), MANIFEST).body);
        assert_ne!(one, other);
    }
}
