/// Judges functions and procedures beside those of their name that the ladder has made before.
///
/// The program calls functions, triggers and defaults hold on to them: what changes more than the body is a new function.
struct RoutineJudge {
    let context: FileContext
    let fragment: Fragment

    static let kinds: Set<String> = ["function", "procedure", "routine"]

    /// Nil when there is nothing to say.
    func judge(_ creation: Creation) -> Verdict? {
        guard context.dialect == .postgres, !context.isRerun, !context.isDown, let name = creation.name,
            let signature = creation.signature
        else { return nil }
        let known = context.catalogue.routines[name.key] ?? []
        if let same = known.first(where: { $0.types == signature.types }) {
            guard creation.hasOrReplace, let obstacle = same.obstacle(to: signature) else { return nil }
            return .problem(
                .functionSignature,
                "CREATE OR REPLACE cannot \(obstacle), here or when the file that made \(name.text)\(same.text) runs again",
                at: fragment.position, [.here(renamed(creation, name))],
                advice: "Let its callers use the new name, and drop the old function one release later.")
        }
        guard let old = known.first else { return nil }
        return .problem(
            .functionSignature,
            "\(name.text)\(old.text) stays beside the new one: a call may fit both, and old callers keep the old one",
            at: fragment.position,
            [
                .here(
                    "DROP \(creation.kind.uppercased()) IF EXISTS \(name.text)\(old.text);\n"
                        + (creation.hasOrReplace ? fragment.text : orReplace()) + ";")
            ],
            advice: "Or give the new one a name of its own, where the previous release calls the old one.")
    }

    /// Nil when every routine is named with its arguments.
    func problem(_ drop: Drop) -> Problem? {
        guard context.dialect == .postgres, Self.kinds.contains(drop.kind), drop.signatures.contains(nil) else {
            return nil
        }
        return Problem(
            rule: .functionSignature,
            message: "without its arguments the function is not found as soon as there are two of the name",
            position: fragment.position)
    }

    /// The statement with the arguments that the ladder knows; nil when it knows none, or several.
    func completed(_ drop: Drop) -> String? {
        var names: [String] = []
        for (name, signature) in zip(drop.names, drop.signatures) {
            let known = context.catalogue.routines[name.key] ?? []
            guard let arguments = signature ?? (known.count == 1 ? known[0] : nil) else { return nil }
            names.append(name.text + arguments.text)
        }
        return "DROP \(drop.kind.uppercased()) IF EXISTS \(names.joined(separator: ", "));"
    }

    private func renamed(_ creation: Creation, _ name: ObjectName) -> String {
        let start = creation.nameOffset
        let new = SQLText.identifier(SQLText.shortened(name.name + "_2"))
        return fragment.text(replacing: start..<start + name.text.utf8.count, with: new) + ";"
    }

    private func orReplace() -> String {
        guard let create = fragment.first else { return fragment.text }
        return fragment.text(inserting: " OR REPLACE", at: create.end)
    }
}
