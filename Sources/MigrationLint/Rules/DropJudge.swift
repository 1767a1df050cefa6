/// Judges `DROP …`.
struct DropJudge {
    let context: FileContext
    let fragment: Fragment
    let guards: Guards

    init(_ context: FileContext, _ fragment: Fragment, _ guards: Guards) {
        self.context = context
        self.fragment = fragment
        self.guards = guards
    }

    func judge() -> Verdict {
        guard let drop = Drop(fragment) else {
            return .problem(.unknown, "the lint cannot read this DROP", at: fragment.position, [.here("")])
        }
        if ["owned", "database", "tablespace"].contains(drop.kind) {
            return .problem(
                .refused, "DROP \(drop.kind.uppercased()) reaches beyond the schema of the ladder",
                at: fragment.position,
                [.here("")], advice: "Remove the statement.")
        }
        if LostRows.kinds.contains(drop.kind), !context.isDown,
            let name = drop.names.first(where: {
                context.createdLater.contains($0.key) && context.scratch[$0.key] == nil
            })
        {
            return .problem(
                .dropCreate, "\(name.text) is dropped here and made anew below: every run loses what is in it",
                at: fragment.position, [.here("")], advice: "Remove the statement.")
        }
        let isGuarded = drop.hasIfExists || !guards.tests.isEmpty && !guards.hasOpaque
        let text = drop.hasIfExists ? fragment.text : fragment.text(inserting: "IF EXISTS ", at: drop.nameOffset)
        var verdict = Verdict(pieces: [.here(text + ";")])
        if !isGuarded {
            verdict.add(.dropUnguarded, "a second run fails: there is nothing left to drop", at: fragment.position)
        }
        let routine = RoutineJudge(context: context, fragment: fragment)
        if let problem = routine.problem(drop) {
            verdict.problems.append(problem)
            verdict.pieces = routine.completed(drop).map { [.here($0)] } ?? []
            verdict.advice.append("Write the types of its arguments, () for none.")
        }
        if drop.isConcurrent {
            let online = context.judgeNotx(fragment, text + ";")
            verdict.problems += online.problems
            verdict.pieces = online.pieces.map { .init(place: $0.place, sql: text + ";") }
        }
        return verdict
    }
}
