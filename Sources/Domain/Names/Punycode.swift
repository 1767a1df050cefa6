/// Unicode text in letters, digits and hyphens (RFC 3492).
package enum Punycode {
    /// Why a text is not one that was encoded, or can't be encoded.
    package enum Failure: Error, Hashable, Sendable {
        /// Something other than letters, digits and hyphens, or a number that ends before its last digit.
        case malformed
        /// A number beyond what a code point can be, or a code point that is none.
        case outOfRange
    }

    // RFC 3492 §5.
    private static let base: UInt32 = 36
    private static let lowest: UInt32 = 1
    private static let highest: UInt32 = 26
    private static let skew: UInt32 = 38
    private static let damp: UInt32 = 700
    private static let firstBias: UInt32 = 72
    private static let firstCodePoint: UInt32 = 0x80
    private static let delimiter: UInt8 = 0x2D

    /// The code points of an encoded text (RFC 3492 §6.2). ASCII among them is as it was.
    package static func decode(_ octets: [UInt8]) throws(Failure) -> [Unicode.Scalar] {
        var scalars: [Unicode.Scalar] = []
        var place = 0
        if let end = octets.lastIndex(of: delimiter) {
            for octet in octets[..<end] {
                guard octet < 0x80 else { throw .malformed }
                scalars.append(Unicode.Scalar(octet))
            }
            place = end + 1
        }
        var (point, index, bias) = (firstCodePoint, UInt32(0), firstBias)
        while place < octets.count {
            let before = index
            index = try sum(index, of: octets, from: &place, bias)
            let count = UInt32(scalars.count) + 1
            bias = adapt(index - before, count, isFirst: before == 0)
            let (next, isBeyond) = point.addingReportingOverflow(index / count)
            guard !isBeyond, let scalar = Unicode.Scalar(next) else { throw .outOfRange }
            point = next
            index %= count
            scalars.insert(scalar, at: Int(index))
            index += 1
        }
        return scalars
    }

    /// A number and the one of variable length that follows (RFC 3492 §3.3).
    private static func sum(
        _ start: UInt32, of octets: [UInt8], from place: inout Int, _ bias: UInt32
    ) throws(Failure) -> UInt32 {
        var (sum, weight, position) = (start, UInt32(1), base)
        while true {
            guard place < octets.count, let digit = digit(octets[place]) else { throw .malformed }
            place += 1
            let (part, isTooLarge) = digit.multipliedReportingOverflow(by: weight)
            let (next, isBeyond) = sum.addingReportingOverflow(part)
            guard !isTooLarge, !isBeyond else { throw .outOfRange }
            sum = next
            let threshold = threshold(at: position, bias)
            guard digit >= threshold else { return sum }
            let (heavier, isTooHeavy) = weight.multipliedReportingOverflow(by: base - threshold)
            guard !isTooHeavy else { throw .outOfRange }
            weight = heavier
            position += base
        }
    }

    /// The text of code points, in lower case where they are (RFC 3492 §6.3).
    package static func encode(_ scalars: [Unicode.Scalar]) throws(Failure) -> [UInt8] {
        var octets = scalars.filter(\.isASCII).map { UInt8($0.value) }
        let basic = UInt32(octets.count)
        var handled = basic
        if basic > 0 { octets.append(delimiter) }
        var (point, delta, bias) = (firstCodePoint, UInt32(0), firstBias)
        while handled < scalars.count, let next = scalars.map(\.value).filter({ $0 >= point }).min() {
            let (step, isTooFar) = (next - point).multipliedReportingOverflow(by: handled + 1)
            let (sum, isBeyond) = delta.addingReportingOverflow(step)
            guard !isTooFar, !isBeyond else { throw .outOfRange }
            delta = sum
            point = next
            for scalar in scalars {
                if scalar.value < point { delta += 1 }
                guard scalar.value == point else { continue }
                append(delta, to: &octets, bias)
                bias = adapt(delta, handled + 1, isFirst: handled == basic)
                delta = 0
                handled += 1
            }
            delta += 1
            point += 1
        }
        return octets
    }

    private static func append(_ number: UInt32, to octets: inout [UInt8], _ bias: UInt32) {
        var (rest, position) = (number, base)
        while true {
            let threshold = threshold(at: position, bias)
            guard rest >= threshold else { return octets.append(octet(rest)) }
            octets.append(octet(threshold + (rest - threshold) % (base - threshold)))
            rest = (rest - threshold) / (base - threshold)
            position += base
        }
    }

    private static func threshold(at position: UInt32, _ bias: UInt32) -> UInt32 {
        position <= bias ? lowest : min(position - bias, highest)
    }

    /// RFC 3492 §6.1.
    private static func adapt(_ delta: UInt32, _ count: UInt32, isFirst: Bool) -> UInt32 {
        var delta = isFirst ? delta / damp : delta / 2
        delta += delta / count
        var steps: UInt32 = 0
        while delta > (base - lowest) * highest / 2 {
            delta /= base - lowest
            steps += base
        }
        return steps + (base - lowest + 1) * delta / (delta + skew)
    }

    private static func digit(_ octet: UInt8) -> UInt32? {
        switch octet {
        case 0x61...0x7A: UInt32(octet - 0x61)
        case 0x41...0x5A: UInt32(octet - 0x41)
        case 0x30...0x39: UInt32(octet - 0x30) + 26
        default: nil
        }
    }

    private static func octet(_ digit: UInt32) -> UInt8 { UInt8(digit) + (digit < 26 ? 0x61 : 0x30 - 26) }
}
