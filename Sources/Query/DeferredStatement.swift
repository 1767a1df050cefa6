/// A change whose rows nobody waits for, so that its transaction may make it later and together with equal ones.
///
/// It is `head`, one `member` and `tail`; several make one statement when they differ in their members alone:
/// `INSERT INTO t (…) VALUES ` `(…)`, or `UPDATE t SET … WHERE id IN (` `?` `)`.
package struct DeferredStatement: Sendable {
    package let head: SQL
    package let member: SQL
    package let tail: SQL
    /// What it means that the member changed no row, or several; `nil` when any number is right.
    package let refusal: (@Sendable (any Transaction) throws -> any Error)?
    /// The error of the caller for one of the database.
    package let translate: @Sendable (DatabaseError) -> any Error

    package init(
        head: SQL,
        member: SQL,
        tail: SQL = "",
        translate: @escaping @Sendable (DatabaseError) -> any Error = { $0 },
        refusal: (@Sendable (any Transaction) throws -> any Error)? = nil
    ) {
        self.head = head
        self.member = member
        self.tail = tail
        self.translate = translate
        self.refusal = refusal
    }

    /// The statement for one member.
    package var alone: SQL { head + member + tail }

    /// Makes the change at once.
    package func execute(in tx: any Transaction) throws {
        let changed: Int
        do throws(DatabaseError) { changed = try tx.execute(alone) } catch { throw translate(error) }
        if changed != 1, let refusal { throw try refusal(tx) }
    }
}

extension DeferredStatement {
    /// What statements have in common that may be made as one: everything but the values of their members.
    package struct Kind: Hashable, Sendable {
        fileprivate var texts: [UInt] = []
        fileprivate var values: [Value] = []
        fileprivate var isCounted = false
    }

    /// `nil` for a statement that is made alone.
    package var kind: Kind? {
        var kind = Kind(isCounted: refusal != nil)
        for (part, isMember) in [(head, false), (member, true), (tail, false)] {
            for piece in part.pieces {
                switch piece {
                // The same place in the program, hence the same text.
                case .text(let text) where text.hasPointerRepresentation:
                    kind.texts.append(UInt(bitPattern: text.utf8Start))
                case .bind(let value):
                    kind.texts.append(0)
                    if !isMember { kind.values.append(value) }
                case .list(let values) where !isMember:
                    kind.texts.append(UInt(values.count))
                    kind.values += values
                case .text, .list, .lock, .jsonMember, .contains, .jsonElements: return nil
                }
            }
        }
        return kind
    }
}
