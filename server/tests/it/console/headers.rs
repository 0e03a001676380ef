//! What every page of the console says to browsers, and how heavy it is.

use std::time::{Duration, Instant};

use super::Browser;
use crate::support::TestServer;

const PAGES: [&str; 6] = ["/", "/audit", "/settings/general", "/system", "/profile", "/password"];

#[tokio::test]
async fn pages_may_load_our_own_files_alone_and_are_kept_and_framed_by_nobody() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    let stranger = Browser::new(&server);
    let mut replies =
        vec![stranger.get("/sign-in").await, stranger.get("/nowhere").await, browser.get("/nowhere").await];
    for page in PAGES {
        replies.push(browser.get(page).await);
    }
    for reply in replies {
        let policy = reply.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), value, "{name} of {}", reply.text);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn no_page_has_scripts_or_styles_inside() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    for page in PAGES {
        let reply = browser.get(page).await;
        assert_eq!(reply.status, 200, "{page}");
        for (at, _) in reply.text.match_indices("<script") {
            assert!(reply.text[at..].starts_with("<script src=\"/assets/"), "{page}: a script inside");
        }
        assert!(!reply.text.contains("<style") && !reply.text.contains(" style=\""), "{page}: a style inside");
        for handler in [" onclick=", " onload=", " onerror=", " onsubmit=", " hx-on", "javascript:"] {
            assert!(!reply.text.contains(handler), "{page}: {handler}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_with_all_it_loads_stays_under_250_kilobytes() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    for page in PAGES {
        let reply = browser.get_with(page, &[("accept-encoding", "gzip")]).await;
        assert_eq!(reply.header("content-encoding"), "gzip", "{page}");
        let mut bytes = reply.size;
        let plain = browser.get(page).await.text;
        let mut assets: Vec<&str> =
            plain.match_indices("/assets/").map(|(at, _)| plain[at..].split('"').next().unwrap()).collect();
        assets.sort_unstable();
        assets.dedup();
        assert!(assets.len() >= 4, "{assets:?}");
        for asset in assets {
            let reply = browser.get_with(asset, &[("accept-encoding", "gzip")]).await;
            assert_eq!(reply.status, 200, "{asset}");
            assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
            bytes += reply.size;
        }
        assert!(bytes <= 250_000, "{page} and what it loads are {bytes} bytes");
    }
    assert_eq!(browser.get("/assets/console-000000000000.css").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn pages_come_quickly() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    for page in PAGES {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            #[expect(clippy::disallowed_methods, reason = "measures")]
            let start = Instant::now();
            browser.get(page).await;
            best = best.min(start.elapsed());
        }
        assert!(best <= Duration::from_millis(50), "{page} took {best:?} at best");
    }
    server.stop().await;
}
