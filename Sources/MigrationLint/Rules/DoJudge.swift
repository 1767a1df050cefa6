/// Judges the statements of a `DO` block under the conditions around them.
struct DoJudge {
    private let context: FileContext
    private let fragment: Fragment

    init(_ context: FileContext, _ fragment: Fragment) {
        var context = context
        context.blockDepth += 1
        self.context = context
        self.fragment = fragment
    }

    func judge() -> Verdict {
        guard context.blockDepth <= DoBlock.deepest else {
            return .problem(.syntax, "blocks that run blocks, too deep to follow", at: fragment.position, [.here("")])
        }
        guard let block = DoBlock(fragment) else {
            return .problem(.syntax, "this DO has no body that the lint can read", at: fragment.position, [.here("")])
        }
        guard block.language == "plpgsql" else {
            return .problem(
                .dynamicSQL, "the lint cannot read \(block.language)", at: fragment.position, [.here("")],
                advice: "Write the block in PL/pgSQL.")
        }
        if let error = block.error {
            return .problem(.syntax, error.reason, at: block.isQuoted ? fragment.position : error.position, [.here("")])
        }
        let node: ProceduralNode
        do throws(ProceduralSyntaxError) {
            node = try ProceduralParser.parse(block.body)
        } catch {
            return .problem(
                .syntax, "the lint cannot follow this block: \(error.reason)",
                at: block.isQuoted ? fragment.position : error.position, [.here("")])
        }
        var verdict = visit(node, .none)
        if block.isQuoted { verdict.move(to: fragment.position) }
        guard !verdict.isClean else { return .clean(fragment) }
        return verdict
    }

    // MARK: - Nodes

    private func visit(_ node: ProceduralNode, _ guards: Guards) -> Verdict {
        switch node {
        case .statement(let statement): return judge(statement, guards)
        case .branch(let branches, let otherwise): return visit(branches, otherwise, guards)
        case .block(let body, let handlers): return visit(body, handlers, guards)
        case .other(let body): return visit(body, guards.addingOpaque())
        }
    }

    private func visit(_ nodes: [ProceduralNode], _ guards: Guards) -> Verdict {
        var verdict = Verdict()
        for node in nodes { verdict.append(visit(node, guards)) }
        return verdict
    }

    private func visit(
        _ branches: [(condition: Fragment, body: [ProceduralNode])], _ otherwise: [ProceduralNode], _ guards: Guards
    ) -> Verdict {
        var verdict = Verdict()
        var before = guards
        for branch in branches {
            verdict.append(visit(branch.body, before.adding(branch.condition)))
            before = before.adding(branch.condition, isNegated: true)
        }
        verdict.append(visit(otherwise, before))
        return verdict
    }

    private func visit(
        _ body: [ProceduralNode], _ handlers: [(condition: Fragment, body: [ProceduralNode])], _ guards: Guards
    ) -> Verdict {
        guard !handlers.isEmpty else { return visit(body, guards) }
        var inner = guards
        let conditions = handlers.flatMap { $0.condition.split { $0.isWord("or") } }.map(\.text).map { $0.lowercased() }
        inner.handler = Guards.Handler(
            conditions: conditions, statements: body.flatMap(\.statements).count,
            raises: handlers.contains {
                $0.body.flatMap(\.statements).contains { $0.starts(with: "raise") && !$0.isNotice }
            })
        var verdict = visit(body, inner)
        for handler in handlers where handler.condition.contains(word: "others") && verdict.isClean {
            verdict.add(
                .exceptionSwallows, "WHEN OTHERS hides every error, and a migration that failed passes for done",
                at: handler.condition.position)
            verdict.pieces = visit(body, guards).pieces
        }
        for handler in handlers { verdict.append(visit(handler.body, guards.addingOpaque())) }
        return verdict
    }

    // MARK: - Statements

    private static let harmless: Set<String> = [
        "null", "return", "raise", "get", "assert", "exit", "continue", "open", "close", "fetch", "move",
    ]

    private func judge(_ statement: Fragment, _ guards: Guards) -> Verdict {
        guard let first = statement.first else { return Verdict() }
        let second = statement.tokens.dropFirst().first
        if first.kind == .word, Self.harmless.contains(first.value) { return Verdict() }
        if second?.isSymbol(":=") == true || second?.isSymbol("=") == true { return Verdict() }
        if ["perform", "select"].contains(first.value) { return query(statement) }
        if first.isWord("execute") { return dynamic(statement, guards) }
        let verdict = StatementJudge(context: context).judge(statement, guards: guards)
        guard verdict.isClean, !guards.isEmpty else { return verdict }
        return Verdict(pieces: [.here(kept(statement, guards))])
    }

    private func query(_ statement: Fragment) -> Verdict {
        let keywords: Set<String> = [
            "select", "perform", "exists", "in", "and", "or", "not", "from", "where", "values", "count", "to_regclass",
            "current_schema",
        ]
        let calls = statement.tokens.indices.dropLast().contains { index in
            statement.tokens[index].kind == .word && statement.tokens[index + 1].isSymbol("(")
                && !keywords.contains(statement.tokens[index].value)
        }
        guard calls else { return Verdict() }
        return .problem(
            .refused, "nobody can judge what the function does in a second run", at: statement.position, [],
            advice: "Remove the call, or write what it does as statements.")
    }

    private func dynamic(_ statement: Fragment, _ guards: Guards) -> Verdict {
        let dynamic = DynamicStatement(statement)
        guard let constant = dynamic.constant else {
            return .problem(
                .dynamicSQL, "the statement is put together at run time, and nobody can check it beforehand",
                at: statement.position, [], advice: "Write the statement out, once for each object.")
        }
        var verdict = StatementJudge(context: context).judge(constant, guards: guards)
        if !dynamic.isInPlace { verdict.move(to: statement.position) }
        guard verdict.isClean, !guards.isEmpty else { return verdict }
        return Verdict(pieces: [.here(kept(constant, guards))])
    }

    /// The statement in a block of its own, under the conditions that it had.
    private func kept(_ statement: Fragment, _ guards: Guards) -> String {
        if !guards.conditions.isEmpty {
            return SQLText.guarded(guards.conditions.joined(separator: " AND "), statement.text)
        }
        let handled = guards.handler?.conditions.joined(separator: " OR ") ?? ""
        return """
            DO $$
            BEGIN
                \(statement.text);
            EXCEPTION WHEN \(handled) THEN NULL;
            END
            $$;
            """
    }
}

extension Verdict {
    /// For text whose places are not places of the file.
    mutating func move(to position: Position) {
        problems = problems.map { Problem(rule: $0.rule, message: $0.message, position: position) }
    }
}

extension Fragment {
    /// `RAISE NOTICE` and its like, which report and go on.
    fileprivate var isNotice: Bool {
        ["notice", "info", "debug", "log", "warning"].contains(tokens.dropFirst().first?.value)
    }
}
