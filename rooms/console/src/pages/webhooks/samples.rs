//! Receivers to copy: the files of `docs/receivers`, which the product's own tests run.

/// A receiver in one language.
pub(crate) struct Sample {
    /// Also its part of the page's addresses.
    pub(crate) key: &'static str,
    pub(crate) language: &'static str,
    pub(crate) file: &'static str,
    pub(crate) text: &'static str,
}

pub(crate) static SAMPLES: [Sample; 5] = [
    Sample {
        key: "node",
        language: "Node.js",
        file: "receiver.mjs",
        text: include_str!("../../../../../docs/receivers/receiver.mjs"),
    },
    Sample {
        key: "python",
        language: "Python",
        file: "receiver.py",
        text: include_str!("../../../../../docs/receivers/receiver.py"),
    },
    Sample {
        key: "php",
        language: "PHP",
        file: "receiver.php",
        text: include_str!("../../../../../docs/receivers/receiver.php"),
    },
    Sample {
        key: "ruby",
        language: "Ruby",
        file: "receiver.rb",
        text: include_str!("../../../../../docs/receivers/receiver.rb"),
    },
    Sample {
        key: "go",
        language: "Go",
        file: "receiver.go",
        text: include_str!("../../../../../docs/receivers/receiver.go"),
    },
];
