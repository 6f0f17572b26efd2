//! Complete programs, which tests run as they are shown: the files in `examples/snippets`.

use super::prose::block;

/// A program for the reference.
pub(super) struct Example {
    pub(super) language: &'static str,
    /// What the program needs, and how it is run.
    pub(super) needs: &'static str,
    pub(super) text: &'static str,
}

impl Example {
    /// Returns its text as the content of an element.
    pub(super) fn block(&self) -> String {
        block(self.text)
    }
}

/// A program for each language, with the client package of that language if there is one.
pub(super) const ALL: [Example; 6] = [
    Example {
        language: "curl",
        needs: "A shell and curl. Run by sh call.sh.",
        text: include_str!("../../../../examples/snippets/call.sh"),
    },
    Example {
        language: "Python",
        needs: "requests, and packages/python of the source.",
        text: include_str!("../../../../examples/snippets/first.py"),
    },
    Example {
        language: "Node",
        needs: "packages/node of the source, and nothing else.",
        text: include_str!("../../../../examples/snippets/first.mjs"),
    },
    Example {
        language: "Go",
        needs: "packages/go of the source, and nothing else.",
        text: include_str!("../../../../examples/snippets/first.go"),
    },
    Example {
        language: "Java",
        needs: "Java 17, packages/java of the source, and nothing else.",
        text: include_str!("../../../../examples/snippets/First.java"),
    },
    Example {
        language: "PHP",
        needs: "Guzzle, and packages/php of the source, by composer.",
        text: include_str!("../../../../examples/snippets/first.php"),
    },
];
