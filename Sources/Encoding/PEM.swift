/// One block of RFC 7468 text.
package struct PEMBlock: Hashable, Sendable {
    /// `CERTIFICATE`, `PRIVATE KEY` …
    package let label: String
    package let octets: [UInt8]

    package init(label: String, octets: [UInt8]) {
        self.label = label
        self.octets = octets
    }

    /// The block with 64 characters a line and a final line feed.
    package var text: String {
        let encoded = Array(Base64.encode(octets).utf8)
        var text = "-----BEGIN \(label)-----\n"
        text.reserveCapacity(encoded.count + encoded.count / 64 + 2 * label.utf8.count + 40)
        var index = 0
        while index < encoded.count {
            let end = min(index + 64, encoded.count)
            text += String(decoding: encoded[index..<end], as: UTF8.self)
            text += "\n"
            index = end
        }
        text += "-----END \(label)-----\n"
        return text
    }

    /// Largest text that ``parse(_:limit:)`` accepts when the caller does not say: 1 MiB.
    package static let defaultLimit = 1 << 20
    /// Most blocks in one text.
    package static let maximumBlocks = 256

    /// Every block of `text`, in order.
    ///
    /// Lines may end in CR LF; text outside blocks is explanatory and ignored (RFC 7468 §2). Inside a block
    /// there is base64 only: headers as of encrypted legacy keys (RFC 1421) are refused.
    ///
    /// - `most`: How many of them are accepted.
    package static func parse(
        _ text: String, limit: Int = defaultLimit, most: Int = maximumBlocks
    ) throws(PEMError) -> [PEMBlock] {
        guard text.utf8.count <= limit else { throw .tooLarge(limit: limit) }
        var scanner = PEMScanner(most: most)
        var lineNumber = 0
        for line in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            lineNumber += 1
            try scanner.take(line, number: lineNumber)
        }
        return try scanner.finish()
    }

    /// The only block of `text`, which must have one of `labels`.
    package static func single(
        _ text: String, labels: [String], limit: Int = defaultLimit
    ) throws(PEMError) -> PEMBlock {
        let blocks = try parse(text, limit: limit)
        guard let block = blocks.first else { throw .noBlock }
        guard blocks.count == 1 else { throw .severalBlocks }
        guard labels.contains(block.label) else { throw .wrongLabel(found: block.label, expected: labels) }
        return block
    }
}

/// Why a text is not PEM. The texts never quote the body, which may be a key.
package enum PEMError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLarge(limit: Int)
    case tooManyBlocks(limit: Int)
    case noBlock
    case severalBlocks
    case wrongLabel(found: String, expected: [String])
    case malformedBoundary(line: Int)
    case labelMismatch(line: Int)
    case unterminated(label: String)
    case malformedBody(label: String)
    case headers(label: String)

    package var description: String {
        switch self {
        case .tooLarge(let limit): "PEM text is larger than \(limit) octets"
        case .tooManyBlocks(let limit): "PEM text holds more than \(limit) blocks"
        case .noBlock: "no PEM block found (a line starting with -----BEGIN is missing)"
        case .severalBlocks: "exactly one PEM block is expected, several were found"
        case .wrongLabel(let found, let expected):
            "PEM label is \(found), expected \(expected.joined(separator: " or "))"
        case .malformedBoundary(let line): "line \(line) is a malformed PEM boundary"
        case .labelMismatch(let line): "line \(line) ends another PEM block than the one that is open"
        case .unterminated(let label): "PEM block \(label) has no END line"
        case .malformedBody(let label): "PEM block \(label) is empty or not canonical base64"
        case .headers(let label): "PEM block \(label) carries headers; encrypted legacy keys are not accepted"
        }
    }
}

/// Line-by-line state of the parser.
private struct PEMScanner {
    private static let dashes = Array("-----".utf8)
    private static let begin = Array("-----BEGIN ".utf8)
    private static let end = Array("-----END ".utf8)

    private let most: Int
    private var blocks: [PEMBlock] = []
    private var open: String?
    private var body: [UInt8] = []

    init(most: Int) { self.most = most }

    mutating func take(_ raw: Substring.UTF8View, number: Int) throws(PEMError) {
        var line = raw
        while let last = line.last, last == 0x0D || last == 0x20 || last == 0x09 { line.removeLast() }
        guard line.starts(with: Self.dashes) else {
            if let open { try takeBody(line, label: open) }
            return
        }
        if line.starts(with: Self.begin) {
            guard open == nil else { throw .malformedBoundary(line: number) }
            open = try Self.label(of: line.dropFirst(Self.begin.count), number: number)
        } else if line.starts(with: Self.end) {
            let label = try Self.label(of: line.dropFirst(Self.end.count), number: number)
            guard let open, open == label else { throw .labelMismatch(line: number) }
            try close(open)
        } else if open != nil {
            throw .malformedBoundary(line: number)
        }
    }

    private mutating func takeBody(_ line: Substring.UTF8View, label: String) throws(PEMError) {
        guard !line.contains(0x3A) else { throw .headers(label: label) }
        body.append(contentsOf: line)
    }

    private mutating func close(_ label: String) throws(PEMError) {
        guard let octets = Base64.decode(body), !octets.isEmpty else { throw .malformedBody(label: label) }
        guard blocks.count < most else { throw .tooManyBlocks(limit: most) }
        blocks.append(PEMBlock(label: label, octets: octets))
        open = nil
        body.removeAll(keepingCapacity: true)
    }

    func finish() throws(PEMError) -> [PEMBlock] {
        if let open { throw .unterminated(label: open) }
        return blocks
    }

    /// `label-----`: printable ASCII, at most 64 characters.
    private static func label(of rest: Substring.UTF8View, number: Int) throws(PEMError) -> String {
        let name = rest.dropLast(dashes.count)
        guard rest.count > dashes.count, rest.suffix(dashes.count).elementsEqual(dashes), name.count <= 64,
            name.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x2D }), name.first != 0x20, name.last != 0x20
        else { throw .malformedBoundary(line: number) }
        return String(decoding: name, as: UTF8.self)
    }
}
