//! Which passwords are taken: long ones that are not among the first that anybody would try.

use web::{Fields, Rule, Text};

/// Shortest password that a user may choose.
pub(crate) const SHORTEST: usize = 12;
/// Longest password; every character counts, none is cut.
pub(crate) const LONGEST: usize = 1024;
/// Fewest different characters.
const FEWEST_KINDS: usize = 5;

const COMMON: Text = Text::new(
    "The password is too easy to guess. Choose another one.",
    "Mật khẩu quá dễ đoán. Hãy chọn mật khẩu khác.",
);

/// What the most common passwords are made of, once their figures and marks are taken off and `0 1 3 4 5 7 @ $` are read
/// as letters. Doubled or with figures around it, each is still the same guess.
const STEMS: &[&str] = &[
    "admin",
    "administrator",
    "asdfgh",
    "asdfghjkl",
    "azerty",
    "baseball",
    "batman",
    "callcenter",
    "change",
    "changeme",
    "charlie",
    "computer",
    "default",
    "donald",
    "dragon",
    "football",
    "freedom",
    "guest",
    "hello",
    "helloworld",
    "iloveyou",
    "jordan",
    "khongbiet",
    "letmein",
    "login",
    "lovely",
    "loveyou",
    "manager",
    "master",
    "matkhau",
    "michael",
    "minecraft",
    "monkey",
    "mustang",
    "naruto",
    "newpassword",
    "ninja",
    "operator",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "princess",
    "qazwsx",
    "qazwsxedc",
    "qwert",
    "qwerty",
    "qwertyui",
    "qwertyuiop",
    "qwertyuiopasdfgh",
    "root",
    "saigon",
    "secret",
    "security",
    "server",
    "service",
    "shadow",
    "starwars",
    "summer",
    "sunshine",
    "superman",
    "supervisor",
    "support",
    "system",
    "temp",
    "temporary",
    "test",
    "testing",
    "tongdai",
    "trustno",
    "user",
    "username",
    "vietnam",
    "welcome",
    "whatever",
    "winter",
    "xinchao",
    "yeuem",
    "zaqwsx",
    "zorio",
    "zxcvbn",
    "zxcvbnm",
    "anhyeuem",
    "emyeuanh",
    "hanoi",
];

/// Rows of keys and the two alphabets, along which fingers run.
const RUNS: &[&str] =
    &["0123456789012345678901234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Records under `field` what is wrong with a new password of `username`.
pub(crate) fn check(fields: &mut Fields, field: &str, password: &str, username: &str) {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        fields.add(field, Rule::Length(SHORTEST, LONGEST));
    } else if is_common(password, username) {
        fields.add(field, COMMON);
    }
}

fn is_common(password: &str, username: &str) -> bool {
    let lower = password.to_lowercase();
    let username = username.trim().to_lowercase();
    // The name before the @ counts too.
    let name = username.split('@').next().unwrap_or_default();
    if name.chars().count() >= 3 && lower.contains(name) {
        return true;
    }
    let mut kinds: Vec<char> = lower.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len() < FEWEST_KINDS || is_run(&lower) || is_stem(&lower)
}

/// Tells whether all characters follow each other along one of the [`RUNS`], in either direction.
fn is_run(lower: &str) -> bool {
    let pieces: Vec<char> = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    if pieces.len() < 2 {
        return true;
    }
    let neighbours = |a: char, b: char| {
        RUNS.iter().any(|run| {
            let run: Vec<char> = run.chars().collect();
            run.windows(2).any(|two| (two[0] == a && two[1] == b) || (two[0] == b && two[1] == a))
        })
    };
    // A few steps aside (from one row to the next) do not make it hard to guess.
    let breaks = pieces.windows(2).filter(|two| two[0] != two[1] && !neighbours(two[0], two[1])).count();
    breaks * 5 < pieces.len()
}

fn is_stem(lower: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
    let read = |c: char| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    let trimmed = lower.trim_matches(|c: char| !c.is_alphabetic());
    let inside: String = trimmed.chars().map(read).collect();
    [plain(lower), plain(&inside)].iter().any(|letters| is_made_of_stems(letters))
}

/// Tells whether the letters are nothing but stems, one after another.
fn is_made_of_stems(letters: &str) -> bool {
    if letters.is_empty() {
        // Figures and marks alone: phone numbers and dates.
        return true;
    }
    let mut reachable = vec![false; letters.len() + 1];
    reachable[0] = true;
    for at in 0..letters.len() {
        if reachable[at] && letters.is_char_boundary(at) {
            for stem in STEMS.iter().filter(|stem| letters[at..].starts_with(**stem)) {
                reachable[at + stem.len()] = true;
            }
        }
    }
    reachable[letters.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(password: &str, username: &str) -> bool {
        let mut fields = Fields::new();
        check(&mut fields, "password", password, username);
        fields.is_empty()
    }

    #[test]
    fn what_anybody_would_try_first_is_refused() {
        for password in [
            "password1234",
            "Password123!",
            "P@ssw0rd2026!",
            "passwordpassword",
            "123456789012",
            "987654321098",
            "111111111111",
            "aaaaaaaaaaaaaaaa",
            "abababababab",
            "qwertyuiopasdf",
            "abcdefghijklmnop",
            "AdminAdmin2026",
            "welcome12345",
            "Zorio@123456",
            "matkhau123456",
            "iloveyou!!!!2024",
            "0987654321-84",
            "short",
            "elevenchars",
        ] {
            assert!(!is_taken(password, "an.nguyen"), "{password}");
        }
    }

    #[test]
    fn what_nobody_would_guess_is_taken() {
        for password in [
            "correct horse battery staple",
            "mua xuân đầu tiên",
            "Tr0ub4dor&3xyz",
            "vGq8tLw2ZpYx",
            "the quick otter sings",
            "đi chợ mua cá",
        ] {
            assert!(is_taken(password, "an.nguyen"), "{password}");
        }
        assert!(is_taken(&"x7Fq2zKm".repeat(128), "an"));
        assert!(!is_taken(&format!("{}y", "x7Fq2zKm".repeat(128)), "an"), "1025 characters");
    }

    #[test]
    fn a_password_with_the_username_in_it_is_refused() {
        assert!(!is_taken("xx-An.Nguyen-yy-7", "an.nguyen"));
        assert!(!is_taken("xx-an.nguyen-yy-7", "an.nguyen@acme.example"));
        assert!(is_taken("handsome otters 7", "an"), "names of two letters are in everything");
    }
}
