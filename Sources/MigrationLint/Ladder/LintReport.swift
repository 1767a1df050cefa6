package import Encoding

/// The answer of the lint.
package struct LintReport: Sendable {
    /// By file and place; those with an allowance are shown and do not count.
    package let findings: [Finding]
    package let fileCount: Int
    package let statementCount: Int

    package var failures: [Finding] { findings.filter { $0.allowance == nil } }
    package var isClean: Bool { failures.isEmpty }

    // MARK: - For people

    package var text: String {
        let shown = findings.indices.map { index in
            let finding = findings[index]
            let place = "\(finding.file):\(finding.position.line):\(finding.position.column): "
            if let reason = finding.allowance { return place + "allowed \(finding.rule.rawValue): \(reason)" }
            // The findings of one statement share its corrected form, which is shown once, after the last of them.
            let next = index + 1 < findings.count ? findings[index + 1] : nil
            let isShared =
                next?.file == finding.file && next?.range == finding.range && next?.correction == finding.correction
            let lines = isShared && !finding.range.isEmpty ? [] : Self.lines(finding.correction)
            return ([place + "\(finding.rule.rawValue): \(finding.message)"] + lines).joined(separator: "\n")
        }
        let allowed = findings.count - failures.count
        let counts = "\(fileCount) files, \(statementCount) statements: "
        let summary =
            (isClean ? "no findings" : failures.count == 1 ? "1 finding" : "\(failures.count) findings")
            + (allowed > 0 ? ", \(allowed) allowed" : "")
        return (shown + [counts + summary]).joined(separator: "\n")
    }

    private static func lines(_ correction: Correction) -> [String] {
        var lines: [String] = []
        for piece in correction.pieces {
            lines.append("    " + piece.place.title + (piece.sql.isEmpty ? " (nothing)" : ":"))
            lines += piece.sql.split(separator: "\n", omittingEmptySubsequences: false).filter {
                !piece.sql.isEmpty || !$0.isEmpty
            }
            .map { $0.isEmpty ? "" : "        " + $0 }
        }
        if !correction.advice.isEmpty { lines.append("    " + correction.advice) }
        return lines
    }

    // MARK: - For programs

    package var json: JSONValue {
        [
            "files": .integer(Int64(fileCount)), "statements": .integer(Int64(statementCount)),
            "clean": .bool(isClean), "findings": .array(findings.map(Self.json)),
        ]
    }

    private static func json(_ finding: Finding) -> JSONValue {
        [
            "file": .string(finding.file), "line": .integer(Int64(finding.position.line)),
            "column": .integer(Int64(finding.position.column)), "rule": .string(finding.rule.rawValue),
            "message": .string(finding.message), "advice": .string(finding.correction.advice),
            "correction": .array(
                finding.correction.pieces.map { ["place": .string($0.place.rawValue), "sql": .string($0.sql)] }),
            "allowed": finding.allowance.map(JSONValue.string) ?? .null,
        ]
    }
}

extension Correction.Place {
    fileprivate var title: String {
        switch self {
        case .here: "write instead"
        case .nontransactional: "write instead, in a file of its own (NNNNNN_name.notx.up.sql)"
        case .nontransactionalBefore: "write in a file of its own before this one (NNNNNN_name.notx.up.sql)"
        case .later: "write in a later file"
        case .down: "write in the down file"
        }
    }
}
