import CLibPQ
import Domain
import Query

/// The parameters of a statement in the arrays that libpq wants, kept by a connection and filled anew each time.
///
/// Times and octets go in binary form with their type named; everything else as text whose type PostgreSQL infers.
struct ParameterBuffer {
    private var octets: [UInt8] = []
    private var offsets: [Int?] = []
    private var pointers: [UnsafePointer<CChar>?] = []
    private(set) var lengths: [CInt] = []
    private(set) var formats: [CInt] = []
    private(set) var types: [Oid] = []

    var count: CInt { CInt(offsets.count) }

    mutating func load(_ values: [Value]) {
        clear()
        for value in values { append(value) }
    }

    /// Forgets the values, which may be secret.
    mutating func clear() {
        for index in octets.indices { octets[index] = 0 }
        octets.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
    }

    /// Lends the array of value pointers, valid during `body` alone.
    mutating func withValues<Answer>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, ParameterBuffer) -> Answer
    ) -> Answer {
        var pointers = pointers
        pointers.removeAll(keepingCapacity: true)
        let result = octets.withUnsafeBytes { buffer in
            for offset in offsets {
                pointers.append(
                    offset.flatMap { offset in buffer.baseAddress.map { $0 + offset } }?
                        .assumingMemoryBound(to: CChar.self)
                )
            }
            return pointers.withUnsafeBufferPointer { body($0.baseAddress, self) }
        }
        self.pointers = pointers
        return result
    }

    private mutating func append(_ value: Value) {
        switch value {
        case .null: append(at: nil, length: 0, isBinary: false, type: 0)
        case .text(let text), .json(let text): append(text: text)
        case .integer(let number): append(text: String(number))
        case .real(let number): append(text: String(number))
        case .bool(let flag): append(text: flag ? "t" : "f")
        case .bytes(let bytes):
            append(at: octets.count, length: bytes.count, isBinary: true, type: TypeOID.bytea.rawValue)
            octets += bytes
            // Keeps the address of an empty value inside the buffer.
            octets.append(0)
        case .time(let time):
            append(at: octets.count, length: 8, isBinary: true, type: TypeOID.timestamptz.rawValue)
            let microseconds = time.microsecondsSinceEpoch - PostgresValue.epochOffset
            withUnsafeBytes(of: microseconds.bigEndian) { octets.append(contentsOf: $0) }
        }
    }

    private mutating func append(text: String) {
        append(at: octets.count, length: text.utf8.count, isBinary: false, type: 0)
        octets.append(contentsOf: text.utf8)
        octets.append(0)
    }

    private mutating func append(at offset: Int?, length: Int, isBinary: Bool, type: Oid) {
        offsets.append(offset)
        lengths.append(CInt(clamping: length))
        formats.append(isBinary ? 1 : 0)
        types.append(type)
    }
}
