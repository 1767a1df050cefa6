/// Judges one statement, wherever it stands: in a file, in a block, in the string of an EXECUTE.
struct StatementJudge {
    let context: FileContext

    func judge(_ fragment: Fragment, guards: Guards = .none) -> Verdict {
        guard let first = fragment.first else { return Verdict() }
        switch first.value {
        case "create" where first.kind == .word: return CreationJudge(context, fragment, guards).judge()
        case "drop" where first.kind == .word: return DropJudge(context, fragment, guards).judge()
        case "alter" where first.kind == .word: return alter(fragment, guards)
        case "insert", "replace": return InsertionJudge(context, fragment, guards).judge()
        case "update", "delete", "truncate": return RowChangeJudge(context, fragment, guards).judge()
        case "with": return with(fragment, guards)
        case "do": return DoJudge(context, fragment).judge()
        default: return OtherJudge(context, fragment, guards).judge()
        }
    }

    private func alter(_ fragment: Fragment, _ guards: Guards) -> Verdict {
        fragment.starts(with: "alter", "table")
            ? AlterTableJudge(context, fragment, guards).judge() : AlterJudge(context, fragment, guards).judge()
    }

    /// `WITH … AS (INSERT …) …`: every part that writes is judged on its own.
    private func with(_ fragment: Fragment, _ guards: Guards) -> Verdict {
        let writers: Set<String> = ["insert", "update", "delete", "merge", "replace"]
        var verdict = Verdict()
        var depth = 0
        for index in fragment.tokens.indices {
            let token = fragment.tokens[index]
            if token.isSymbol("(") {
                depth += 1
                let next = index + 1 < fragment.tokens.endIndex ? fragment.tokens[index + 1] : nil
                guard let next, next.kind == .word, writers.contains(next.value),
                    let close = Fragment.closing(of: index, in: fragment.tokens)
                else { continue }
                verdict.append(judge(fragment.slice(fragment.tokens[(index + 1)..<close]), guards: guards))
            } else if token.isSymbol(")") {
                depth -= 1
            } else if depth == 0, token.kind == .word, writers.contains(token.value) || token.value == "select" {
                let main = fragment.slice(fragment.tokens[index...])
                if writers.contains(token.value) { verdict.append(judge(main, guards: guards)) }
                break
            }
        }
        guard !verdict.isClean else { return .clean(fragment) }
        verdict.pieces = []
        verdict.advice = [
            "Write the parts that change rows as statements of their own: "
                + verdict.problems.map(\.message).joined(separator: "; ")
        ]
        return verdict
    }
}

/// Statements that neither create, change nor drop an object, nor write rows.
struct OtherJudge {
    let context: FileContext
    let fragment: Fragment
    let guards: Guards

    init(_ context: FileContext, _ fragment: Fragment, _ guards: Guards) {
        self.context = context
        self.fragment = fragment
        self.guards = guards
    }

    func judge() -> Verdict {
        guard let first = fragment.first else { return Verdict() }
        switch first.value {
        case _ where first.kind == .metaCommand:
            return refusal(.metaCommand, "'\(first.value)' is for psql; the runner sends files to the engine")
        case "grant", "revoke", "comment", "analyze": return .clean(fragment)
        case "begin", "commit", "rollback", "start", "end", "abort", "savepoint", "release":
            return refusal(.transactionControl, "the runner owns the transaction, and its ledger row is part of it")
        case "prepare" where fragment.starts(with: "prepare", "transaction"):
            return refusal(.transactionControl, "the runner owns the transaction, and its ledger row is part of it")
        case "set", "reset", "discard", "pragma": return session()
        case "lock", "cluster", "vacuum", "reindex", "refresh": return maintenance()
        case "select", "values", "table", "call", "execute", "perform":
            return refusal(.refused, "a query in a migration is without effect, or has one that nobody can judge")
        case "copy", "merge", "load", "listen", "notify", "unlisten", "declare", "fetch", "close", "prepare",
            "deallocate", "import", "security", "reassign", "checkpoint", "attach", "detach", "explain":
            return refusal(.refused, "\(first.value.uppercased()) has no form that survives a second run")
        default:
            return .problem(
                .unknown, "the lint does not know '\(first.value)', and lets nothing pass that it cannot judge",
                at: fragment.position, [.here("")],
                advice: "Write it with statements of docs/development/migrations.md.")
        }
    }

    private func refusal(_ rule: Rule, _ message: String) -> Verdict {
        .problem(rule, message, at: fragment.position, [.here("")], advice: "Remove the statement.")
    }

    /// Settings that change how long a file takes, and not what it means.
    private static let harmless: Set<String> = [
        "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "work_mem", "maintenance_work_mem",
        "max_parallel_maintenance_workers", "client_min_messages", "check_function_bodies",
    ]

    private func session() -> Verdict {
        if fragment.starts(with: "set", "constraints") { return .clean(fragment) }
        let isLocal = fragment.starts(with: "set", "local")
        let hasScope = isLocal || fragment.starts(with: "set", "session")
        let rest = fragment.slice(fragment.tokens.dropFirst(hasScope ? 2 : 1))
        let isHarmless = fragment.starts(with: "set") && rest.first.map { Self.harmless.contains($0.value) } ?? false
        guard isHarmless, context.dialect == .postgres, context.isTransactional else {
            return refusal(.sessionState, "the ledger row and the files to come would run under this setting")
        }
        guard !isLocal else { return .clean(fragment) }
        let message = "the setting outlives the file: the files to come would run under it"
        return .problem(.sessionState, message, at: fragment.position, [.here("SET LOCAL \(rest.text);")])
    }

    private func maintenance() -> Verdict {
        if fragment.starts(with: "refresh") {
            return fragment.contains(word: "concurrently") && !context.isTransactional
                ? .clean(fragment) : .clean(fragment)
        }
        if fragment.starts(with: "reindex") {
            guard !fragment.contains(word: "concurrently") else { return context.judgeNotx(fragment) }
            guard fragment.tokens.count >= 3, ["index", "table"].contains(fragment.tokens.dropFirst().first?.value)
            else {
                return refusal(.lockTable, "REINDEX locks every table that it comes to")
            }
            let kind = fragment.tokens.dropFirst().first?.value.uppercased() ?? ""
            let name = fragment.slice(fragment.tokens.dropFirst(2)).text
            return .problem(
                .lockTable, "REINDEX stops writers for as long as it takes", at: fragment.position,
                [.nontransactional("REINDEX \(kind) CONCURRENTLY \(name);")])
        }
        return refusal(
            .lockTable,
            "\(fragment.first?.value.uppercased() ?? "") keeps everybody from the table for as long as it takes")
    }
}

extension FileContext {
    /// A statement that cannot run in a transaction.
    func judgeNotx(_ fragment: Fragment, _ corrected: String? = nil) -> Verdict {
        guard isTransactional, dialect == .postgres else { return .clean(fragment) }
        return .problem(
            .notxNeeded, "this cannot run in a transaction, and \(name) runs in one", at: fragment.position,
            [.nontransactional(corrected ?? fragment.text + ";")],
            advice: "Give it a file of its own, NNNNNN_name.notx.up.sql.")
    }
}
