/// A non-deterministic automaton that is run by following all its states at once: time is proportional to the
/// length of the text times the number of states, whatever the pattern.
struct PatternAutomaton: Hashable, Sendable {
    /// Most states of one pattern; counted repetitions are written out.
    static let maximumStates = 4096

    private enum State: Hashable, Sendable {
        case consume(ASCIISet, next: Int)
        case split(Int, Int)
        case accept
    }

    private var states: [State] = [.accept]
    private var start = 0

    init(_ node: PatternNode) throws(SANPatternError) {
        start = try compile(node, next: 0)
    }

    func accepts(_ text: some Sequence<UInt8>) -> Bool {
        var current: [Int] = []
        var mark = [Int](repeating: -1, count: states.count)
        var step = 0
        follow(start, into: &current, &mark, step)
        for octet in text {
            step += 1
            var following: [Int] = []
            for index in current {
                if case .consume(let set, let next) = states[index], set.contains(octet) {
                    follow(next, into: &following, &mark, step)
                }
            }
            if following.isEmpty { return false }
            current = following
        }
        return current.contains { states[$0] == .accept }
    }

    /// Adds a state and everything reachable from it without consuming.
    private func follow(_ first: Int, into list: inout [Int], _ mark: inout [Int], _ step: Int) {
        var pending = [first]
        while let index = pending.popLast() {
            guard mark[index] != step else { continue }
            mark[index] = step
            if case .split(let left, let right) = states[index] {
                pending.append(left)
                pending.append(right)
            } else {
                list.append(index)
            }
        }
    }

    private mutating func add(_ state: State) throws(SANPatternError) -> Int {
        guard states.count < Self.maximumStates else {
            throw SANPatternError(offset: 0, reason: "the repetitions are too large together")
        }
        states.append(state)
        return states.count - 1
    }

    /// Adds states for `node` in front of state `next`; returns the entry.
    private mutating func compile(_ node: PatternNode, next: Int) throws(SANPatternError) -> Int {
        switch node {
        case .empty: return next
        case .set(let set): return try add(.consume(set, next: next))
        case .sequence(let items):
            var entry = next
            for item in items.reversed() { entry = try compile(item, next: entry) }
            return entry
        case .choice(let options):
            var entry = try compile(options[options.count - 1], next: next)
            for option in options.dropLast().reversed() {
                entry = try add(.split(compile(option, next: next), entry))
            }
            return entry
        case .repetition(let inner, let minimum, let maximum):
            var entry = try tail(inner, minimum: minimum, maximum: maximum, next: next)
            for _ in 0..<minimum { entry = try compile(inner, next: entry) }
            return entry
        }
    }

    /// The optional part of a repetition.
    private mutating func tail(
        _ inner: PatternNode, minimum: Int, maximum: Int?, next: Int
    ) throws(SANPatternError) -> Int {
        guard let maximum else {
            let loop = try add(.split(next, next))
            states[loop] = .split(try compile(inner, next: loop), next)
            return loop
        }
        var entry = next
        for _ in minimum..<maximum { entry = try add(.split(compile(inner, next: entry), next)) }
        return entry
    }
}
