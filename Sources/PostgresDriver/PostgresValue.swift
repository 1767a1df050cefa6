import CLibPQ
import Domain
import Query

/// How values leave PostgreSQL: every result is asked for in binary form.
enum PostgresValue {
    /// Microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
    static let epochOffset: Int64 = 946_684_800_000_000

    static func column(_ column: CInt, row: CInt, of result: OpaquePointer) throws(DatabaseError) -> Value {
        guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else { return .null }
        let octets = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
        let oid = PQftype(result, column)
        guard let type = TypeOID(rawValue: oid) else { throw unsupported(oid) }
        switch type {
        case .bool: return .bool(octets.first != 0)
        case .int2: return .integer(Int64(Int16(truncatingIfNeeded: word(octets))))
        case .int4: return .integer(Int64(Int32(truncatingIfNeeded: word(octets))))
        case .int8, .oid: return .integer(Int64(bitPattern: word(octets)))
        case .float4: return .real(Double(Float(bitPattern: UInt32(truncatingIfNeeded: word(octets)))))
        case .float8: return .real(Double(bitPattern: word(octets)))
        case .text, .varchar, .bpchar, .name, .char, .unknown: return .text(String(decoding: octets, as: UTF8.self))
        case .json: return .json(String(decoding: octets, as: UTF8.self))
        // One octet of format version precedes the text.
        case .jsonb: return .json(String(decoding: octets.dropFirst(), as: UTF8.self))
        case .bytea: return .bytes(Array(octets))
        case .timestamptz, .timestamp:
            return .time(Timestamp(microsecondsSinceEpoch: Int64(bitPattern: word(octets)) + epochOffset))
        case .numeric: return try Numeric(octets).value
        case .uuid: return .text(uuid(octets))
        case .void: return .null
        }
    }

    /// A big-endian number of at most eight octets.
    private static func word(_ octets: UnsafeRawBufferPointer) -> UInt64 {
        var word: UInt64 = 0
        for octet in octets { word = word << 8 | UInt64(octet) }
        return word
    }

    private static func uuid(_ octets: UnsafeRawBufferPointer) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, octet) in octets.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(0x2D) }
            text.append(digits[Int(octet >> 4)])
            text.append(digits[Int(octet & 0x0F)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func unsupported(_ oid: Oid) -> DatabaseError {
        DatabaseError(
            kind: .statement,
            sqlState: "certctl",
            message: "a result column has the type with OID \(oid), which certctl does not read; cast it to text"
        )
    }
}

/// The types that certctl's schema and catalogue queries use (`pg_type.dat` of PostgreSQL).
enum TypeOID: Oid {
    case bool = 16
    case bytea = 17
    case char = 18
    case name = 19
    case int8 = 20
    case int2 = 21
    case int4 = 23
    case text = 25
    case oid = 26
    case json = 114
    case float4 = 700
    case float8 = 701
    case unknown = 705
    case bpchar = 1042
    case varchar = 1043
    case timestamp = 1114
    case timestamptz = 1184
    case numeric = 1700
    case void = 2278
    case uuid = 2950
    case jsonb = 3802
}

/// `numeric` in binary form: groups of four decimal digits (`numeric_send` of PostgreSQL).
///
/// Sums and averages have this type; a whole number is read as an integer, anything else as a real.
struct Numeric {
    let value: Value

    init(_ octets: UnsafeRawBufferPointer) throws(DatabaseError) {
        func half(_ index: Int) -> Int { Int(octets[2 * index]) << 8 | Int(octets[2 * index + 1]) }
        guard octets.count >= 8, octets.count >= 8 + 2 * half(0) else { throw Self.malformed }
        let groups = half(0)
        let weight = Int(Int16(truncatingIfNeeded: half(1)))
        let sign = half(2)
        guard sign == 0 || sign == 0x4000 else {
            value = .real(sign == 0xD000 ? .infinity : sign == 0xF000 ? -.infinity : .nan)
            return
        }
        var whole: Int64? = 0
        var real = 0.0
        for index in 0..<max(groups, weight + 1) {
            let digits = index < groups ? half(4 + index) : 0
            real += Double(digits) * Self.powerOf10000(weight - index)
            if index <= weight {
                whole = whole.flatMap { Self.appending(digits, to: $0) }
            } else if digits != 0 {
                whole = nil
            }
        }
        let factor: Int64 = sign == 0 ? 1 : -1
        value = whole.map { .integer(factor * $0) } ?? .real(Double(factor) * real)
    }

    private static func appending(_ digits: Int, to number: Int64) -> Int64? {
        let (product, overflow) = number.multipliedReportingOverflow(by: 10_000)
        let (sum, carry) = product.addingReportingOverflow(Int64(digits))
        return overflow || carry ? nil : sum
    }

    private static func powerOf10000(_ exponent: Int) -> Double {
        var power = 1.0
        for _ in 0..<abs(exponent) { power *= 10_000 }
        return exponent < 0 ? 1 / power : power
    }

    private static let malformed = DatabaseError(
        kind: .statement,
        sqlState: "22P03",
        message: "malformed numeric in a result"
    )
}
