/// A set of ASCII characters.
struct ASCIISet: Hashable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init() {}

    init(_ range: ClosedRange<UInt8>) { insert(range) }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for octet in range where octet < 0x80 {
            if octet < 64 { low |= 1 << UInt64(octet) } else { high |= 1 << UInt64(octet - 64) }
        }
    }

    mutating func formUnion(_ other: ASCIISet) {
        low |= other.low
        high |= other.high
    }

    /// The other printable characters.
    var inverted: ASCIISet {
        var printable = ASCIISet(0x20...0x7E)
        printable.low &= ~low
        printable.high &= ~high
        return printable
    }

    func contains(_ octet: UInt8) -> Bool {
        guard octet < 0x80 else { return false }
        return octet < 64 ? low >> UInt64(octet) & 1 == 1 : high >> UInt64(octet - 64) & 1 == 1
    }

    static let digits = ASCIISet(0x30...0x39)
    static let any = ASCIISet().inverted
    static let word: ASCIISet = {
        var set = digits
        set.insert(0x41...0x5A)
        set.insert(0x61...0x7A)
        set.insert(0x5F...0x5F)
        return set
    }()
}

indirect enum PatternNode: Hashable, Sendable {
    case empty
    case set(ASCIISet)
    case sequence([PatternNode])
    case choice([PatternNode])
    /// `maximum` is `nil` when unbounded.
    case repetition(PatternNode, minimum: Int, maximum: Int?)
}

/// Recursive descent over the pattern, with a limit on nesting.
struct PatternParser {
    static let maximumNesting = 16
    static let maximumRepetition = 253

    private let octets: [UInt8]
    private let offset: Int
    private var index = 0

    init(_ octets: [UInt8], offset: Int) {
        self.octets = octets
        self.offset = offset
    }

    mutating func parse() throws(SANPatternError) -> PatternNode {
        for (position, octet) in octets.enumerated() where octet < 0x20 || octet > 0x7E {
            throw SANPatternError(offset: offset + position, reason: "only printable ASCII is allowed")
        }
        if peek == Character.caret { index += 1 }
        guard index < octets.count else { throw failure("the pattern is empty") }
        let node = try choice(nesting: 0)
        if peek == Character.dollar, index == octets.count - 1 { index += 1 }
        guard index == octets.count else { throw failure("unexpected character") }
        return node
    }

    private var peek: UInt8? { index < octets.count ? octets[index] : nil }

    private func failure(_ reason: String) -> SANPatternError {
        SANPatternError(offset: offset + index, reason: reason)
    }

    private mutating func choice(nesting: Int) throws(SANPatternError) -> PatternNode {
        guard nesting <= Self.maximumNesting else { throw failure("groups are nested too deeply") }
        var options = [try sequence(nesting: nesting)]
        while peek == Character.bar {
            index += 1
            options.append(try sequence(nesting: nesting))
        }
        return options.count == 1 ? options[0] : .choice(options)
    }

    private mutating func sequence(nesting: Int) throws(SANPatternError) -> PatternNode {
        var items: [PatternNode] = []
        while let next = peek, next != Character.bar, next != Character.close {
            if next == Character.dollar, index == octets.count - 1, nesting == 0 { break }
            items.append(try repeated(atom(nesting: nesting)))
        }
        switch items.count {
        case 0: return .empty
        case 1: return items[0]
        default: return .sequence(items)
        }
    }

    private mutating func atom(nesting: Int) throws(SANPatternError) -> PatternNode {
        guard let octet = peek else { throw failure("the pattern ends early") }
        switch octet {
        case Character.open:
            index += 1
            if octets[index...].starts(with: [Character.question, 0x3A]) { index += 2 }
            guard peek != Character.question else { throw failure("(?…) groups other than (?:…) are not supported") }
            let inner = try choice(nesting: nesting + 1)
            guard peek == Character.close else { throw failure("a group is not closed") }
            index += 1
            return inner
        case Character.bracket: return .set(try bracketed())
        case Character.backslash: return .set(try escape())
        case 0x2E:
            index += 1
            return .set(.any)
        case Character.star, Character.plus, Character.question, Character.brace:
            throw failure("nothing to repeat")
        case Character.caret, Character.dollar, 0x5D, 0x7D: throw failure("character must be escaped here")
        default:
            index += 1
            return .set(ASCIISet(octet...octet))
        }
    }

    /// At most one repetition follows an atom.
    private mutating func repeated(_ atom: PatternNode) throws(SANPatternError) -> PatternNode {
        let bounds: (Int, Int?)
        switch peek {
        case Character.star: bounds = (0, nil)
        case Character.plus: bounds = (1, nil)
        case Character.question: bounds = (0, 1)
        case Character.brace: bounds = try counted()
        default: return atom
        }
        index += 1
        if let next = peek, [Character.star, Character.plus, Character.question, Character.brace].contains(next) {
            throw failure("a repetition cannot be repeated")
        }
        return .repetition(atom, minimum: bounds.0, maximum: bounds.1)
    }

    /// `{n}`, `{n,}` or `{n,m}`, up to the closing brace.
    private mutating func counted() throws(SANPatternError) -> (Int, Int?) {
        index += 1
        guard let minimum = number() else { throw failure("a repetition needs a number") }
        var maximum: Int? = minimum
        if peek == 0x2C {
            index += 1
            maximum = number()
        }
        guard peek == 0x7D else { throw failure("a repetition is not closed") }
        guard minimum <= Self.maximumRepetition, (maximum ?? minimum) <= Self.maximumRepetition,
            minimum <= maximum ?? minimum
        else { throw failure("repetition bounds must rise and stay below \(Self.maximumRepetition + 1)") }
        return (minimum, maximum)
    }

    private mutating func number() -> Int? {
        let start = index
        var value = 0
        while let digit = peek, ASCIISet.digits.contains(digit), index - start < 4 {
            value = value * 10 + Int(digit - 0x30)
            index += 1
        }
        return index > start ? value : nil
    }

    private mutating func escape() throws(SANPatternError) -> ASCIISet {
        index += 1
        guard let octet = peek else { throw failure("the pattern ends in a backslash") }
        index += 1
        switch octet {
        case 0x64: return .digits
        case 0x77: return .word
        case 0x44: return ASCIISet.digits.inverted
        case 0x57: return ASCIISet.word.inverted
        default:
            guard !ASCIISet.word.contains(octet) else {
                index -= 1
                throw failure("this escape is not supported")
            }
            return ASCIISet(octet...octet)
        }
    }

    private mutating func bracketed() throws(SANPatternError) -> ASCIISet {
        index += 1
        let isInverted = peek == Character.caret
        if isInverted { index += 1 }
        var set = ASCIISet()
        var isEmpty = true
        while let octet = peek, octet != 0x5D {
            isEmpty = false
            if octet == Character.backslash {
                set.formUnion(try escape())
                continue
            }
            guard octet != Character.bracket else { throw failure("[ must be escaped inside a class") }
            index += 1
            if peek == 0x2D, index + 1 < octets.count, octets[index + 1] != 0x5D {
                let upper = octets[index + 1]
                guard upper != Character.backslash, upper >= octet else { throw failure("a range runs backwards") }
                set.insert(octet...upper)
                index += 2
            } else {
                set.insert(octet...octet)
            }
        }
        guard peek == 0x5D, !isEmpty else { throw failure("a class is empty or not closed") }
        index += 1
        return isInverted ? set.inverted : set
    }

    private enum Character {
        static let caret: UInt8 = 0x5E
        static let dollar: UInt8 = 0x24
        static let bar: UInt8 = 0x7C
        static let open: UInt8 = 0x28
        static let close: UInt8 = 0x29
        static let bracket: UInt8 = 0x5B
        static let backslash: UInt8 = 0x5C
        static let star: UInt8 = 0x2A
        static let plus: UInt8 = 0x2B
        static let question: UInt8 = 0x3F
        static let brace: UInt8 = 0x7B
    }
}
