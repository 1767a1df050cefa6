package import Domain
import Encoding
import Store

/// What the perspectives said of a proof that the control plane saw itself.
package struct ACMEPerspectiveTally: Hashable, Sendable {
    package enum Finding: Hashable, Sendable {
        case confirmed
        case refused(ACMEPerspectiveFault)
        /// It said nothing in all the time that there was.
        case silent
        /// It was decided before this one answered.
        case notAwaited

        /// For metrics.
        package var word: String {
            switch self {
            case .confirmed: "confirmed"
            case .refused: "refused"
            case .silent: "silent"
            case .notAwaited: "not_awaited"
            }
        }
    }

    package struct Seen: Hashable, Sendable {
        package let perspective: String
        package let finding: Finding
    }

    /// In the order of the settings.
    package let findings: [Seen]
    package let quorum: ACMEQuorum

    /// - `votes`: Counted are those of `witnesses`, each once.
    /// - `isOver`: Whether nobody is waited for any longer.
    init(_ votes: [ACMEPerspectiveVote], of witnesses: ACMEWitnesses, isOver: Bool) {
        quorum = witnesses.count
        findings = witnesses.perspectives.map { perspective in
            let vote = votes.first { $0.perspective == perspective.name }
            let finding: Finding =
                switch vote?.verdict {
                case .confirmed: .confirmed
                case .refused: .refused(vote?.fault ?? .unauthorized)
                case nil: isOver ? .silent : .notAwaited
                }
            return Seen(perspective: perspective.name, finding: finding)
        }
    }

    private func count(_ matches: (Finding) -> Bool) -> Int { findings.filter { matches($0.finding) }.count }
    private var confirmed: Int { count { $0 == .confirmed } }
    private var refused: Int { count { if case .refused = $0 { true } else { false } } }

    package var decision: ACMEQuorum.Decision { quorum.decision(confirmed: confirmed, refused: refused) }

    /// What is said to the client; `nil` when enough confirmed. Who failed to answer is told by the name of the perspective, and never
    /// what an agent wrote.
    var fault: ACMEFault? {
        guard decision != .met else { return nil }
        let parts = findings.compactMap { seen -> ACMEFault.Part? in
            switch seen.finding {
            case .confirmed, .notAwaited: nil
            case .refused(let fault):
                ACMEFault.Part(
                    ACMEProblem.Kind(rawValue: fault.rawValue) ?? .unauthorized,
                    "seen from \(seen.perspective): \(fault.words)")
            case .silent: ACMEFault.Part(.serverInternal, "the perspective \(seen.perspective) gave no answer")
            }
        }
        let kinds = Set(
            findings.compactMap { seen -> ACMEProblem.Kind? in
                guard case .refused(let fault) = seen.finding else { return nil }
                return ACMEProblem.Kind(rawValue: fault.rawValue)
            })
        let kind = kinds.count > 1 ? ACMEProblem.Kind.compound : kinds.first ?? .serverInternal
        return ACMEFault(
            kind,
            "this server saw the proof, but only \(confirmed) of \(quorum.asked) other perspectives confirmed it; "
                + "\(quorum.needed) have to",
            isTransient: true, parts: parts)
    }

    /// What is said to the client when CAA records were looked at again; `nil` when enough perspectives found that they allow the
    /// certificate.
    ///
    /// That they forbid is known when so many found it that the others could not confirm. Anything else may pass.
    var caaFault: ACMEFault? {
        guard decision != .met else { return nil }
        let isForbidden = quorum.asked - count { $0 == .refused(.caa) } < quorum.needed
        let kinds = Set(
            findings.compactMap { seen -> ACMEProblem.Kind? in
                guard case .refused(let fault) = seen.finding else { return nil }
                return ACMEProblem.Kind(rawValue: fault.rawValue)
            })
        let isDNS = kinds == [.dns] && count { $0 == .silent } == 0
        let words = findings.compactMap { seen -> String? in
            switch seen.finding {
            case .confirmed, .notAwaited: nil
            case .refused(let fault): "seen from \(seen.perspective): \(fault.words)"
            case .silent: "the perspective \(seen.perspective) gave no answer"
            }
        }
        return ACMEFault(
            isForbidden ? .caa : isDNS ? .dns : .serverInternal,
            "only \(confirmed) of \(quorum.asked) other perspectives found that CAA records allow it; \(quorum.needed) have to ("
                + words.joined(separator: "; ") + ")",
            isTransient: !isForbidden)
    }

    /// For the audit log.
    var json: JSONValue {
        .object(
            JSONObject(
                distinctMembers: findings.map { seen in
                    let said: String =
                        if case .refused(let fault) = seen.finding {
                            "refused: \(fault.rawValue)"
                        } else {
                            seen.finding.word
                        }
                    return JSONObject.Member(key: seen.perspective, value: .string(said))
                }))
    }
}
