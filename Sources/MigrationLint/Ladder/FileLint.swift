/// Judges the statements of one file, in order.
struct FileLint {
    let file: LintFile
    private(set) var context: FileContext
    private(set) var findings: [Finding] = []
    private(set) var statementCount = 0
    private let isReleased: (String) -> Bool

    init(
        _ file: LintFile, _ name: MigrationName, index: Int, catalogue: Catalogue, isRerun: Bool, isTransactional: Bool,
        isReleased: @escaping (String) -> Bool
    ) {
        self.file = file
        self.isReleased = isReleased
        context = FileContext(
            dialect: file.dialect, name: file.name, index: index, isDown: name.isDown, isTransactional: isTransactional,
            isRerun: isRerun, catalogue: catalogue)
    }

    mutating func run() {
        var lexer = Lexer(Source(file.text), dialect: file.dialect)
        lexer.scan()
        let (statements, trailing) = StatementCutter.cut(lexer)
        if let error = lexer.error {
            report(
                .syntax, "\(error.reason): nothing after it can be read", at: error.position,
                .advice("Close or remove it."))
        }
        findScratchTables(statements)
        for (index, statement) in statements.enumerated() {
            let isCut = lexer.error != nil && index == statements.count - 1
            guard !isCut else { break }
            context.droppedLater = Set(statements[(index + 1)...].flatMap { Self.droppedTables($0.fragment) })
            context.createdLaterByName = Set(statements[(index + 1)...].compactMap { Creation($0.fragment)?.name?.key })
            context.createdLater = Set(statements[(index + 1)...].compactMap { Self.createdHolder($0.fragment) })
            judge(statement)
        }
        let leftover = Directives(trailing, dialect: file.dialect)
        for (position, message) in leftover.faults {
            report(.directive, message, at: position, .advice("Correct the comment."))
        }
        for position in leftover.stray {
            report(
                .directive, "the directive has no statement after it", at: position,
                .advice("Move it before its statement."))
        }
    }

    private mutating func judge(_ statement: Statement) {
        statementCount += 1
        let directives = Directives(statement.comments, dialect: file.dialect)
        for (position, message) in directives.faults {
            report(.directive, message, at: position, .advice("Correct the comment."))
        }
        context.unlessColumn = directives.unlessColumn
        var verdict = self.verdict(of: statement)
        context.unlessColumn = nil
        if !context.isTransactional, !context.isDown, verdict.isClean, !Self.needsNoTransaction(statement.fragment) {
            verdict.add(
                .notxNotNeeded,
                "this can run in a transaction; here a run that is cut short leaves half of the file behind",
                at: statement.position)
            verdict.pieces = [.later(statement.fragment.text + ";")]
            verdict.advice = ["Move it to a .up.sql file of its own."]
        }
        add(verdict, statement, directives)
        record(statement.fragment)
    }

    private func verdict(of statement: Statement) -> Verdict {
        let fragment = statement.fragment
        if statement.isUnfinished {
            return .problem(
                .syntax, "the statement that starts here does not end before the file does", at: fragment.position,
                [.here("")],
                advice: "Close its parenthesis, trigger body or function body.")
        }
        if let parameter = fragment.tokens.first(where: { $0.kind == .parameter }) {
            return .problem(
                .parameter, "nobody gives a value for '\(parameter.value)'", at: parameter.position, [.here("")],
                advice: "Write the value out.")
        }
        if let rebuild = RebuildJudge(context, fragment) { return rebuild.judge() }
        if context.unlessColumn != nil, !fragment.starts(with: "alter", "table") {
            return .problem(
                .unlessColumn, "the directive skips this statement for a column that it does not make",
                at: fragment.position,
                StatementJudge(context: context).judge(fragment).pieces)
        }
        return StatementJudge(context: context).judge(fragment)
    }

    // MARK: - Findings

    private mutating func add(_ verdict: Verdict, _ statement: Statement, _ directives: Directives) {
        let wanted =
            context.isRerun
            ? verdict.problems.filter { [.conflictTargetChanged, .laterChange, .viewChanged].contains($0.rule) }
            : verdict.problems
        var used: Set<String> = []
        let start = directives.unlessPosition?.offset ?? statement.fragment.range.lowerBound
        for problem in wanted {
            var place = (
                file: file.path, position: problem.position, range: start..<statement.fragment.range.upperBound
            )
            var correction = verdict.correction
            if let removal = verdict.removal, isReleased(file.path) {
                place = (file.dialect.rawValue + "/" + removal.file, removal.position, removal.range)
                correction = .advice(
                    "\(file.name) is released and cannot change: keep what it needs, and add the new beside it.")
            }
            var finding = Finding(
                file: place.file, position: place.position, rule: problem.rule, message: problem.message,
                correction: correction, range: place.range)
            if let reason = directives.allowances[problem.rule.rawValue]?.reason {
                finding.allowance = reason
                used.insert(problem.rule.rawValue)
            }
            findings.append(finding)
        }
        guard !context.isRerun else { return }
        let later: Set<String> = [
            Rule.conflictTargetChanged.rawValue, Rule.laterChange.rawValue, Rule.viewChanged.rawValue,
        ]
        for (rule, allowance) in directives.allowances.sorted(by: { $0.key < $1.key })
        where !used.contains(rule) && !later.contains(rule) {
            report(
                .unusedAllowance, "nothing here breaks \(rule)", at: allowance.position,
                .advice("Remove the directive."))
        }
    }

    private mutating func report(_ rule: Rule, _ message: String, at position: Position, _ correction: Correction) {
        guard !context.isRerun else { return }
        findings.append(
            Finding(
                file: file.path, position: position, rule: rule, message: message, correction: correction,
                range: position.offset..<position.offset))
    }

    // MARK: - What the file has done so far

    private mutating func record(_ fragment: Fragment) {
        for statement in DoBlock(fragment)?.sql ?? [fragment] {
            if let creation = Creation(statement), let name = creation.name {
                if creation.kind == "table", context.catalogue.tables[name.key] == nil || creation.isTemporary {
                    context.created.insert(name.key)
                }
                let relation = context.dialect == .postgres ? creation.relation : nil
                context.dropped.remove(DroppedKey.make(creation.kind, name, on: relation))
            } else if let drop = Drop(statement), drop.hasIfExists {
                if drop.kind == "table" { for name in drop.names { remember(name.key) } }
                for name in drop.names { context.dropped.insert(DroppedKey.make(drop.kind, name, on: drop.relation)) }
            } else if let alter = AlterTable(statement) {
                for case .dropConstraint(let name, true) in alter.actions.map(\.kind) {
                    context.dropped.insert("constraint \(name) on \(alter.table.key)")
                }
                let isBrief = alter.actions.allSatisfy { if case .validate = $0.kind { true } else { false } }
                if !isBrief { context.locked.insert(alter.table.key) }
            }
        }
        context.catalogue.apply(fragment, file: (context.index, file.name))
    }

    /// What a rebuild must bring back.
    private mutating func remember(_ table: String) {
        guard context.scratch.values.contains(table) else { return }
        context.replaced[table] = context.catalogue.tables[table]
        context.lost[table] = context.catalogue.dependents.filter { $0.value.table == table }
    }

    private mutating func findScratchTables(_ statements: [Statement]) {
        var created: Set<String> = []
        for statement in statements {
            if let creation = Creation(statement.fragment), creation.kind == "table", let name = creation.name {
                created.insert(name.key)
            }
            guard let alter = AlterTable(statement.fragment), created.contains(alter.table.key) else { continue }
            for case .renameTable(let new) in alter.actions.map(\.kind) { context.scratch[alter.table.key] = new.key }
        }
    }

    private static func droppedTables(_ fragment: Fragment) -> [String] {
        guard let drop = Drop(fragment), drop.kind == "table" else { return [] }
        return drop.names.map(\.key)
    }

    private static func createdHolder(_ fragment: Fragment) -> String? {
        guard let creation = Creation(fragment), LostRows.kinds.contains(creation.kind), !creation.isTemporary else {
            return nil
        }
        return creation.name?.key
    }

    private static func needsNoTransaction(_ fragment: Fragment) -> Bool {
        fragment.contains(word: "concurrently") || fragment.starts(with: "vacuum")
            || (fragment.starts(with: "alter", "type") && fragment.topLevelIndex(of: "add", "value") != nil)
    }
}

/// The directives before one statement.
struct Directives {
    private(set) var unlessColumn: (table: String, column: String)?
    private(set) var unlessPosition: Position?
    /// By rule.
    private(set) var allowances: [String: (reason: String, position: Position)] = [:]
    private(set) var faults: [(Position, String)] = []
    /// Those that want a statement.
    private(set) var stray: [Position] = []

    init(_ comments: [Comment], dialect: SQLDialect) {
        for comment in comments {
            switch Directive(comment) {
            case nil, .compatFloor: break
            case .malformed(let why): faults.append((comment.position, why))
            case .unlessColumn(let table, let column):
                stray.append(comment.position)
                if dialect == .postgres {
                    faults.append((comment.position, "unless-column is for SQLite; PostgreSQL has IF NOT EXISTS"))
                } else if unlessColumn != nil {
                    faults.append((comment.position, "a statement takes one unless-column"))
                } else {
                    unlessColumn = (table, column)
                    unlessPosition = comment.position
                }
            case .lintAllow(let rule, let reason):
                stray.append(comment.position)
                if Rule(rawValue: rule) == nil {
                    faults.append((comment.position, "there is no rule '\(rule)'"))
                } else {
                    allowances[rule] = (reason, comment.position)
                }
            }
        }
    }
}
