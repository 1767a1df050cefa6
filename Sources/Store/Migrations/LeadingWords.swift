/// What the words of a statement so far say about where it ends.
struct LeadingWords {
    private var first: [String] = []
    /// The last tokens, as far as they matter for the end of a trigger: `;`, then `END`, then `;`.
    private enum Tail { case other, semicolon, end, closed }
    private var tail = Tail.other
    private var isStillWords = true

    /// SQLite: `CREATE [TEMP|TEMPORARY] TRIGGER`.
    var isTrigger: Bool {
        guard first.first == "CREATE", first.count > 1 else { return false }
        return first[1] == "TRIGGER"
            || (first.count > 2 && ["TEMP", "TEMPORARY"].contains(first[1]) && first[2] == "TRIGGER")
    }

    var endsTrigger: Bool { tail == .closed }

    /// Statements that would end or open the runner's transaction.
    var controlsTransaction: Bool {
        guard let word = first.first else { return false }
        return ["BEGIN", "COMMIT", "ROLLBACK", "END", "START", "SAVEPOINT", "RELEASE", "ABORT"].contains(word)
    }

    mutating func append(_ word: String) {
        let word = word.uppercased()
        if isStillWords, first.count < 3 { first.append(word) }
        tail = tail == .semicolon && word == "END" ? .end : .other
    }

    mutating func semicolon() { tail = tail == .end ? .closed : .semicolon }

    /// Anything that is neither a word nor a semicolon.
    mutating func other() {
        isStillWords = false
        tail = .other
    }
}

/// A comment that is meant for the runner: `-- certctl:…`.
struct CommentDirective {
    let text: String

    init?(_ comment: String) {
        let trimmed = comment.drop { $0 == "-" || $0 == " " }
        guard trimmed.hasPrefix("certctl:") else { return nil }
        text = trimmed.dropFirst("certctl:".count).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// Speaks of the whole file and not of the next statement.
    var isAboutFile: Bool { text.hasPrefix("compat-floor ") }

    /// Speaks to the guard (`certctl db lint`) and not to the runner.
    var isForLint: Bool { text.hasPrefix("lint-allow ") }
}
