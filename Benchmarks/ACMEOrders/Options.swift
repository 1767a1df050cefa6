/// What the command line asks for.
struct Options: Sendable {
    struct Mistake: Error, CustomStringConvertible {
        let reason: String
        var description: String {
            "\(reason); acme-orders --directory URL [--clients N] [--seconds S] [--warm-up S] [--page-port P]"
        }
    }

    var directory = ""
    var clients = 32
    var seconds = 10
    var warmUp = 2
    var pagePort = 80

    init(_ arguments: some Sequence<String>) throws(Mistake) {
        var rest = Array(arguments)[...]
        while let flag = rest.popFirst() {
            guard let value = rest.popFirst() else { throw Mistake(reason: "\(flag) has no value") }
            switch flag {
            case "--directory": directory = value
            case "--clients": clients = try Self.number(flag, value)
            case "--seconds": seconds = try Self.number(flag, value)
            case "--warm-up": warmUp = try Self.number(flag, value)
            case "--page-port": pagePort = try Self.number(flag, value)
            default: throw Mistake(reason: "\(flag) is not an option")
            }
        }
        guard !directory.isEmpty else { throw Mistake(reason: "--directory is missing") }
        guard (1...200).contains(clients) else { throw Mistake(reason: "--clients is from 1 to 200") }
    }

    private static func number(_ flag: String, _ value: String) throws(Mistake) -> Int {
        guard let number = Int(value), number >= 0 else { throw Mistake(reason: "\(flag) takes a number") }
        return number
    }
}
