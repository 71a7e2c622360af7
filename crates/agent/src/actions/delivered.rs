//! Delivery URLs as paths of the library: what a purge touches, for scopes and for rules about folders.

use percent_encoding::percent_decode_str;
use url::Url;

use super::path;

/// A delivery URL, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// As it was given.
    pub url: String,
    /// The path, if it is known where the URL's server has its library.
    pub path: Option<String>,
    /// All that begins so.
    pub is_prefix: bool,
    /// Every path that it could mean: without knowing the endpoint, any end of it.
    candidates: Vec<String>,
}

impl Delivered {
    /// Reads a URL. `endpoints` are what may stand before the paths of the library: `http://host/demo`.
    pub fn read(url: &str, endpoints: &[String]) -> Self {
        let is_prefix = url.ends_with('*');
        let parsed = Url::parse(url.trim_end_matches('*')).ok();
        let all = parsed.as_ref().map(segments).unwrap_or_default();
        let candidates = (0..all.len()).map(|from| plain(&all[from..]));
        let mut candidates: Vec<String> = candidates.collect();
        candidates.dedup();
        if candidates.is_empty() {
            candidates.push("/".to_owned());
        }
        let below = parsed.as_ref().and_then(|url| {
            let endpoints = endpoints.iter().filter_map(|endpoint| Url::parse(endpoint).ok());
            let mut own = endpoints.filter(|endpoint| endpoint.origin() == url.origin());
            own.find_map(|endpoint| Some(plain(all.strip_prefix(segments(&endpoint).as_slice())?)))
        });
        Self {
            url: url.to_owned(),
            path: below,
            is_prefix,
            candidates,
        }
    }

    /// All that is delivered from a folder of the library and below it.
    pub fn below(folder: &str) -> Self {
        Self::of_the_library(format!("{}/*", path::normal(folder).trim_end_matches('/')))
    }

    /// All that is delivered from paths of the library that begin so.
    pub fn starting(start: &str) -> Self {
        Self::of_the_library(format!("{start}*"))
    }

    fn of_the_library(url: String) -> Self {
        let path = path::normal(url.trim_end_matches('*'));
        Self {
            path: Some(path.clone()),
            is_prefix: true,
            candidates: vec![path],
            url,
        }
    }

    /// True if it is none of a URL, but of paths: whatever delivers them.
    pub fn is_of_paths(&self) -> bool {
        self.url.starts_with('/')
    }

    /// True if a file or folder at that path is one of several that it touches.
    pub fn takes(&self, at: &str) -> bool {
        match &self.path {
            Some(path) if self.url.ends_with("/*") => path::is_within(at, path),
            Some(path) => self.is_prefix && at.starts_with(path.as_str()) || at == path,
            None => false,
        }
    }

    /// The folder that all it touches lies in, or the file, if that is known.
    pub fn place(&self) -> Option<String> {
        let path = self.path.as_deref()?;
        // `/a/b*` is also `/a/bc`; `/a/*` lies in `/a`.
        Some(match self.is_prefix && !self.url.ends_with("/*") {
            true => path::split(path).0,
            false => path.to_owned(),
        })
    }

    /// True if it touches something in that folder, or may.
    pub fn reaches(&self, folder: &str) -> bool {
        let folder = path::normal(folder);
        let touches = |path: &String| {
            let begins = self.is_prefix && format!("{}/", folder.trim_end_matches('/')).starts_with(path.as_str());
            path::is_within(path, &folder) || begins
        };
        match &self.path {
            // Another endpoint may lie below the first: what the URL ends with counts as well.
            Some(path) => touches(path) || self.candidates.iter().any(touches),
            None => self.candidates.iter().any(touches),
        }
    }
}

/// The parts of a URL's path, without transformations.
fn segments(url: &Url) -> Vec<String> {
    let parts = url.path_segments().into_iter().flatten();
    let decoded = parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
    decoded
        .filter(|part| !part.is_empty() && !part.starts_with("tr:") && part != "." && part != "..")
        .collect()
}

fn plain(segments: &[String]) -> String {
    path::normal(&segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_the_folders_that_they_reach() {
        let own = &["http://h/demo".to_owned(), "http://images.h".to_owned()][..];
        let cases = [
            ("http://h/demo/legal/a.jpg", own, Some("/legal/a.jpg"), "/legal", true),
            (
                "http://h/demo/tr:w-300/legal/a.jpg?x=1",
                own,
                Some("/legal/a.jpg"),
                "/legal",
                true,
            ),
            ("http://h/demo/leg%61l/a.jpg", own, Some("/legal/a.jpg"), "/legal", true),
            ("http://h/demo/other/a.jpg", own, Some("/other/a.jpg"), "/legal", false),
            (
                "http://h/demo/legalese/a.jpg",
                own,
                Some("/legalese/a.jpg"),
                "/legal",
                false,
            ),
            ("http://h/demo/leg*", own, Some("/leg"), "/legal", true),
            ("http://h/demo/*", own, Some("/"), "/legal", true),
            ("http://h/demo/travel/*", own, Some("/travel"), "/legal", false),
            (
                "http://h/demo/legal/a.jpg*",
                own,
                Some("/legal/a.jpg"),
                "/legal/2026",
                false,
            ),
            // Where the endpoint is not known, any end of the path may be the place.
            ("https://cdn/x/y/legal/a.jpg", own, None, "/legal", true),
            ("https://cdn/x/y/other/a.jpg", &[], None, "/legal", false),
            ("https://cdn/x*", &[], None, "/xyz", true),
            // A host that stands for the account.
            ("http://images.h/legal/a.jpg", own, Some("/legal/a.jpg"), "/legal", true),
            (
                "http://images.h/other/legal/a.jpg",
                own,
                Some("/other/legal/a.jpg"),
                "/other",
                true,
            ),
        ];
        for (url, endpoints, path, folder, reaches) in cases {
            let read = Delivered::read(url, endpoints);
            assert_eq!(read.path.as_deref(), path, "{url}");
            assert_eq!(read.reaches(folder), reaches, "{url} in {folder}");
        }
        let travel = Delivered::below("/travel/");
        assert_eq!(
            (travel.url.as_str(), travel.place().as_deref()),
            ("/travel/*", Some("/travel"))
        );
        assert!(travel.takes("/travel/a.jpg") && travel.takes("/travel") && !travel.takes("/travels/a.jpg"));
        assert!(travel.reaches("/travel/2026") && travel.reaches("/") && !travel.reaches("/legal"));
        assert!(Delivered::below("/").takes("/a.jpg") && Delivered::below("/").reaches("/legal"));
        let begun = Delivered::starting("/legal/20");
        assert_eq!(begun.place().as_deref(), Some("/legal"));
        assert!(begun.takes("/legal/2026/a.jpg") && begun.takes("/legal/20.jpg") && !begun.takes("/legal/19.jpg"));
        assert!(begun.reaches("/legal") && begun.reaches("/legal/2026") && !begun.reaches("/legal/19"));
        assert!(begun.is_of_paths() && !Delivered::read("http://h/demo/a*", own).is_of_paths());
        let place = |url: &str| Delivered::read(url, own).place();
        assert_eq!(place("http://h/demo/a/b.jpg").as_deref(), Some("/a/b.jpg"));
        assert_eq!(place("http://h/demo/a/b*").as_deref(), Some("/a"));
        assert_eq!(place("http://h/demo/a/*").as_deref(), Some("/a"));
        assert_eq!(place("https://cdn/a/b*"), None);
    }
}
