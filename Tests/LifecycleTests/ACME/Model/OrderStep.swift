import Domain
import TestSupport

/// A step of a client, of a server or of the clock. Orders and what is below them are counted in a circle: a step means something
/// whatever is left out before it.
enum OrderStep: Hashable, Sendable {
    struct Place: Hashable, Sendable {
        let order, authorization: Int
    }

    /// What is found where a name is to be proved.
    enum Finding: Hashable, Sendable, CaseIterable {
        case proof
        /// Another answer than the expected one: the end.
        case another
        /// No answer: another attempt.
        case nothing
    }

    struct Findings: Hashable, Sendable {
        let a, b: Finding
        func of(_ name: String) -> Finding { name.hasSuffix("a.test") ? a : b }
    }

    /// What a client finalizes with: two requests for the names of the order, and one for others.
    enum Request: Hashable, Sendable, CaseIterable { case first, second, ofOtherNames }

    /// How the CA takes it.
    enum Mood: Hashable, Sendable { case issues, fails, refuses }

    case order([String])
    case answer(Place, challenge: Int)
    /// Servers look at every challenge that is due.
    case work(Findings)
    /// A server takes up what is due of a type, and stalls.
    case take(ACMEChallengeType)
    /// It goes on, however much later that is.
    case resume(Findings)
    case finalize(Int, Request, Mood)
    case settle(Mood)
    case giveUp(Place)
    case endAccount
    case pass(Duration)
    case sweep

    /// PostgreSQL has a clock of its own, which no test moves.
    var needsClock: Bool {
        switch self {
        case .take, .resume, .settle, .pass: true
        case .work(let findings): findings.a == .nothing || findings.b == .nothing
        case .finalize(_, _, let mood): mood == .fails
        case .order, .answer, .giveUp, .endAccount, .sweep: false
        }
    }

    static let orders = [
        ["a.test"], ["b.test"], ["*.a.test"], ["a.test", "b.test"], ["a.test", "*.a.test"],
        ["a.test", "b.test", "*.a.test"],
    ]

    // MARK: Sequences

    /// A sequence with its end: every order is brought to where time brings it, and then forgotten unless it was fulfilled.
    static func sequence(_ seed: UInt64, length: Int, movesClock: Bool) -> [OrderStep] {
        var input = SeededInput(seed)
        var steps: [OrderStep] = []
        while steps.count < length {
            let step = random(&input)
            if movesClock || !step.needsClock { steps.append(step) }
        }
        return movesClock ? steps + epilogue : steps
    }

    /// Two hours are the longest that an order lasts, half a minute the longest that a challenge is tried.
    static let epilogue: [OrderStep] = [
        .resume(Findings(a: .another, b: .another)), .pass(.seconds(40)), .work(Findings(a: .another, b: .another)),
        .settle(.fails), .pass(.hours(3)), .settle(.fails), .pass(.seconds(4)), .settle(.fails), .sweep,
        .pass(.days(91)), .sweep,
    ]

    private static func random(_ input: inout SeededInput) -> OrderStep {
        let place = Place(order: input.below(6), authorization: input.below(3))
        switch input.below(100) {
        case 0..<16: return .order(input.pick(orders))
        case 16..<42: return .answer(place, challenge: input.below(3))
        case 42..<58: return .work(findings(&input))
        case 58..<62: return .take(input.pick([.http01, .dns01, .tlsALPN01]))
        case 62..<66: return .resume(findings(&input))
        case 66..<80:
            return .finalize(place.order, input.pick([.first, .first, .first, .second, .ofOtherNames]), mood(&input))
        case 80..<84: return .settle(mood(&input))
        case 84..<87: return .giveUp(place)
        case 87: return input.below(4) == 0 ? .endAccount : .sweep
        case 88..<91: return .sweep
        default:
            return .pass(
                input.pick([.seconds(1), .seconds(3), .seconds(6), .seconds(26), .minutes(10), .minutes(61)]))
        }
    }

    private static func findings(_ input: inout SeededInput) -> Findings {
        let likely: [Finding] = [.proof, .proof, .proof, .proof, .proof, .nothing, .another]
        return Findings(a: input.pick(likely), b: input.pick(likely))
    }

    private static func mood(_ input: inout SeededInput) -> Mood {
        input.pick([.issues, .issues, .issues, .fails, .refuses])
    }
}
