import PKI
import TestSupport
import Testing

@Suite("Profiles §8.3: name patterns")
struct SANPatternTests {
    /// Pattern, name, whether it matches.
    static let cases: [(String, String, Bool)] = [
        ("[a-z0-9-]+\\.example\\.com", "www.example.com", true),
        ("[a-z0-9-]+\\.example\\.com", "a.b.example.com", false),
        ("[a-z0-9-]+\\.example\\.com", "www.example.com.evil.org", false),
        ("[a-z0-9-]+\\.example\\.com", "*.example.com", false),
        ("\\*\\.example\\.com", "*.example.com", true),
        ("^www\\.example\\.com$", "www.example.com", true),
        ("(a|b)c{2,3}", "bccc", true), ("(a|b)c{2,3}", "bc", false), ("(?:ab)?c", "c", true),
        ("dns:.*", "10.0.0.1", false), (".*", "www.example.com", true),
        ("ip:10\\..*", "10.1.2.3", true), ("ip:10.0.0.0/8", "10.200.0.1", true), ("ip:10.0.0.0/8", "11.0.0.1", false),
        ("ip:2001:db8::/32", "2001:db8:1::1", true), ("ip:0.0.0.0/0", "::1", false),
        ("email:.*@example\\.com", "bob@example.com", true), ("email:.*@example\\.com", "bob@example.org", false),
        ("glob:*.corp.example", "a.corp.example", true), ("glob:*.corp.example", "a.b.corp.example", false),
        ("glob:*.corp.example", "*.corp.example", false), ("glob:\\*.corp.example", "*.corp.example", true),
        ("dns:glob:**.corp.example", "a.b.corp.example", true), ("glob:**.corp.example", "corp.example", false),
        ("glob:web-*.corp.example", "web-1.corp.example", true), ("glob:*.corp.example", "a.corpxexample", false),
        ("uri:spiffe://x/[^/]+", "spiffe://x/a", true), ("uri:spiffe://x/[^/]+", "spiffe://x/a/b", false),
        ("upn:[a-z.]+@corp\\.example", "upn:Alice@CORP.example", true),
        ("upn:[a-z.]+@corp\\.example", "upn:alice@other.example", false),
        ("upn:[a-z.]+@corp\\.example", "alice@corp.example", false), ("email:.*", "upn:alice@corp.example", false),
        ("upn:.*", "upn:alice@corp.example", true), ("upn:.*", "alice@corp.example", false),
    ]

    @Test("a pattern covers the whole name of its kind", arguments: cases)
    func match(pattern: String, name: String, expected: Bool) throws {
        #expect(try SANPattern(pattern).matches(SubjectAltName(classifying: name)) == expected)
    }

    @Test(
        "what lies outside the subset is refused with its place",
        arguments: [
            ("", 0), ("a(b", 3), ("a)b", 1), ("*a", 0), ("a**", 2), ("[a", 2), ("[]", 1), ("[z-a]", 2), ("a{3,2}", 5),
            ("a{999}", 5), ("\\1", 1), ("(?=a)", 1), ("a\\", 2), ("\u{E9}", 0), ("a{1", 3), ("(a)(?i)", 4),
            ("glob:a?b", 5), ("glob:", 5), ("glob:[ab].example", 5),
        ])
    func refused(pattern: String, offset: Int) {
        #expect { try SANPattern(pattern) } throws: { ($0 as? SANPatternError)?.offset == offset }
    }

    @Test(
        "placeholders stand for the values of the request, as they are and not as patterns",
        arguments: [
            ("{cn}", "www.example.com", true), ("(api\\.)?{cn}", "api.www.example.com", true),
            ("{cn}", "wwwxexample.com", false), ("{principal}\\.hosts\\.example", "agent-7.hosts.example", true),
            ("{principal}\\.hosts\\.example", "agent-8.hosts.example", false),
            ("glob:*.{cn}", "a.www.example.com", true),
            ("email:{principal}@example\\.com", "agent-7@example.com", true),
            ("upn:{principal}@corp\\.example", "upn:Agent-7@corp.example", true),
        ])
    func placeholders(pattern: String, name: String, expected: Bool) throws {
        let pattern = try SANPattern(pattern)
        let name = try SubjectAltName(classifying: name)
        let binding = PatternBinding(commonName: "WWW.example.com", principal: "agent-7")
        #expect(pattern.matches(name, binding) == expected)
        #expect(!pattern.matches(name), "without values nothing matches")
        #expect(!pattern.matches(name, PatternBinding(commonName: ".*", principal: ".*")), "a value is no pattern")
    }

    @Test("size is limited, and a hostile pattern takes linear time")
    func bounded() throws {
        #expect(throws: SANPatternError.self) { try SANPattern(String(repeating: "a", count: 513)) }
        #expect(throws: SANPatternError.self) { try SANPattern("((a{200}){200}){200}") }
        #expect(throws: SANPatternError.self) { try SANPattern(String(repeating: "(", count: 100) + "a") }
        let pattern = try SANPattern("(a+)+(a*)*b|(a?){200}c")
        let text = Array(repeating: String(repeating: "a", count: 60), count: 4).joined(separator: ".")
        let (isMatch, time) = try withProcessorTime { try pattern.matches(SubjectAltName(classifying: text)) }
        #expect(!isMatch && time < .seconds(1))
    }

    /// A naive matcher by derivatives over the text of the pattern's tree, written independently.
    indirect enum Expression {
        case letter(Character)
        case then(Expression, Expression)
        case or(Expression, Expression)
        case star(Expression)

        var text: String {
            switch self {
            case .letter(let letter): String(letter)
            case .then(let left, let right): left.text + right.text
            case .or(let left, let right): "(\(left.text)|\(right.text))"
            case .star(let inner): "(\(inner.text))*"
            }
        }

        /// Ends reachable from each start position.
        func ends(_ text: [Character], from start: Int) -> Set<Int> {
            switch self {
            case .letter(let letter): return start < text.count && text[start] == letter ? [start + 1] : []
            case .then(let left, let right):
                return Set(left.ends(text, from: start).flatMap { right.ends(text, from: $0) })
            case .or(let left, let right): return left.ends(text, from: start).union(right.ends(text, from: start))
            case .star(let inner):
                var reached: Set<Int> = [start]
                var frontier = reached
                while !frontier.isEmpty {
                    frontier = Set(frontier.flatMap { inner.ends(text, from: $0) }).subtracting(reached)
                    reached.formUnion(frontier)
                }
                return reached
            }
        }
    }

    struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33 | state << 31
        }
    }

    static func expression(depth: Int, _ random: inout Seeded) -> Expression {
        switch depth == 0 ? 0 : Int.random(in: 0..<4, using: &random) {
        case 1: .then(expression(depth: depth - 1, &random), expression(depth: depth - 1, &random))
        case 2: .or(expression(depth: depth - 1, &random), expression(depth: depth - 1, &random))
        case 3: .star(expression(depth: depth - 1, &random))
        default: .letter(Bool.random(using: &random) ? "a" : "b")
        }
    }

    @Test("random patterns agree with brute force on every word of two letters", arguments: 1...60)
    func bruteForce(seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let expression = Self.expression(depth: 4, &random)
        let pattern = try SANPattern(expression.text)
        for length in 1...7 {
            for word in 0..<(1 << length) {
                let letters = (0..<length).map { word >> $0 & 1 == 0 ? Character("a") : "b" }
                let expected = expression.ends(letters, from: 0).contains(length)
                let name = try SubjectAltName(classifying: String(letters))
                #expect(pattern.matches(name) == expected, "\(expression.text) on \(String(letters))")
            }
        }
    }
}
