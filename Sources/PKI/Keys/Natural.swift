/// A natural number of any size, for checks of public keys.
///
/// Nothing here is constant in time: never for anything secret.
struct Natural: Hashable, Sendable {
    /// Least significant first, without leading zeros; none for zero.
    private(set) var digits: [UInt32]

    private static let base: UInt64 = 1 << 32

    init(_ value: UInt32 = 0) { digits = value == 0 ? [] : [value] }

    init(digits: [UInt32]) {
        self.digits = digits
        trim()
    }

    init(bigEndian octets: some BidirectionalCollection<UInt8>) {
        var digits: [UInt32] = []
        var digit: UInt32 = 0
        var shift: UInt32 = 0
        for octet in octets.reversed() {
            digit |= UInt32(octet) << shift
            shift += 8
            if shift == 32 {
                digits.append(digit)
                (digit, shift) = (0, 0)
            }
        }
        digits.append(digit)
        self.init(digits: digits)
    }

    var isZero: Bool { digits.isEmpty }

    private mutating func trim() {
        while digits.last == 0 { digits.removeLast() }
    }

    static func < (left: Natural, right: Natural) -> Bool {
        guard left.digits.count == right.digits.count else { return left.digits.count < right.digits.count }
        for index in left.digits.indices.reversed() where left.digits[index] != right.digits[index] {
            return left.digits[index] < right.digits[index]
        }
        return false
    }

    static func += (left: inout Natural, right: Natural) {
        var carry: UInt64 = 0
        for index in 0..<max(left.digits.count, right.digits.count) {
            if index == left.digits.count { left.digits.append(0) }
            carry += UInt64(left.digits[index])
            if index < right.digits.count { carry += UInt64(right.digits[index]) }
            left.digits[index] = UInt32(truncatingIfNeeded: carry)
            carry >>= 32
        }
        if carry > 0 { left.digits.append(UInt32(carry)) }
    }

    /// `right` must not be the larger one.
    static func -= (left: inout Natural, right: Natural) {
        var borrow: Int64 = 0
        for index in left.digits.indices {
            var value = Int64(left.digits[index]) - borrow
            if index < right.digits.count { value -= Int64(right.digits[index]) }
            borrow = value < 0 ? 1 : 0
            left.digits[index] = UInt32(truncatingIfNeeded: value)
        }
        precondition(borrow == 0, "a natural number cannot be negative")
        left.trim()
    }

    static func * (left: Natural, right: UInt32) -> Natural {
        var product = left.digits
        var carry: UInt64 = 0
        for index in product.indices {
            carry += UInt64(product[index]) * UInt64(right)
            product[index] = UInt32(truncatingIfNeeded: carry)
            carry >>= 32
        }
        product.append(UInt32(carry))
        return Natural(digits: product)
    }

    /// The number with one more digit at its low end.
    private func appending(_ digit: UInt32) -> Natural { Natural(digits: [digit] + digits) }

    /// The number shifted to the left by fewer bits than a digit has.
    private func shiftedLeft(by bits: UInt32) -> Natural { bits == 0 ? self : self * (1 << bits) }

    /// The remainder of a division.
    static func % (left: Natural, right: UInt32) -> UInt32 {
        var rest: UInt64 = 0
        for digit in left.digits.reversed() { rest = (rest << 32 | UInt64(digit)) % UInt64(right) }
        return UInt32(rest)
    }

    /// The largest number whose square is not above this one, when this one is shifted left by an even number of bits so
    /// that its leading digit pair is full; with what is left, and by how much the root is shifted.
    ///
    /// One digit after the other, as on paper: each is estimated from the leading digits of remainder and root (Knuth,
    /// The Art of Computer Programming 2, §4.3.1), never too small, and corrected by at most a few.
    private func shiftedSquareRoot() -> (root: Natural, rest: Natural, shift: UInt32) {
        guard let top = digits.last else { return (self, self, 0) }
        let isOdd = digits.count % 2 == 1
        let bits = isOdd ? 0 : UInt32(top.leadingZeroBitCount) & ~1
        var radicand = shiftedLeft(by: bits).digits
        var shift = bits / 2
        if isOdd {
            // A digit of zeros at the low end makes the pairs full: 16 bits of the root.
            let more = UInt32(top.leadingZeroBitCount) & ~1
            radicand = shiftedLeft(by: more).appending(0).digits
            shift = more / 2 + 16
        }
        var position = radicand.count - 2
        let leading = UInt64(radicand[position + 1]) << 32 | UInt64(radicand[position])
        let first = Self.squareRoot(leading)
        let difference = leading - first * first
        var root = Natural(UInt32(first))
        var rest = Natural(digits: [UInt32(truncatingIfNeeded: difference), UInt32(difference >> 32)])
        while position > 0 {
            position -= 2
            let partial = rest.appending(radicand[position + 1])
            var digit = Self.estimate(partial, root)
            let wanted = partial.appending(radicand[position])
            var doubled = root
            doubled += root
            var taken = doubled.appending(digit) * digit
            while wanted < taken {
                digit -= 1
                taken = doubled.appending(digit) * digit
            }
            rest = wanted
            rest -= taken
            root = root.appending(digit)
        }
        return (root, rest, shift)
    }

    /// `partial / (2 · root)` from the leading digits, or a little more; below the base.
    private static func estimate(_ partial: Natural, _ root: Natural) -> UInt32 {
        let place = root.digits.count
        func half(_ index: Int) -> UInt64 {
            func digit(_ index: Int) -> UInt64 {
                index < partial.digits.count ? UInt64(partial.digits[index]) : 0
            }
            return digit(index) >> 1 | (digit(index + 1) & 1) << 31
        }
        guard partial.digits.count <= place + 1 || half(place + 1) == 0 else { return .max }
        let quotient = (half(place) << 32 | half(place - 1)) / UInt64(root.digits[place - 1])
        return UInt32(min(quotient, base - 1))
    }

    private static func squareRoot(_ value: UInt64) -> UInt64 {
        var root = UInt64(Double(value).squareRoot())
        root = min(root, base - 1)
        while root * root > value { root -= 1 }
        while root < base - 1, (root + 1) * (root + 1) <= value { root += 1 }
        return root
    }

    /// The largest number whose square is not above this one.
    var squareRoot: Natural {
        let (root, _, shift) = shiftedSquareRoot()
        let (whole, bits) = (Int(shift / 32), shift % 32)
        let kept = Array(root.digits.dropFirst(whole))
        guard bits > 0 else { return Natural(digits: kept) }
        return Natural(
            digits: kept.indices.map { index in
                kept[index] >> bits | (index + 1 < kept.count ? kept[index + 1] << (32 - bits) : 0)
            })
    }

    var squared: Natural {
        var product = [UInt32](repeating: 0, count: digits.count * 2)
        for (index, digit) in digits.enumerated() {
            var carry: UInt64 = 0
            for (place, other) in digits.enumerated() {
                carry += UInt64(digit) * UInt64(other) + UInt64(product[index + place])
                product[index + place] = UInt32(truncatingIfNeeded: carry)
                carry >>= 32
            }
            product[index + digits.count] = UInt32(carry)
        }
        return Natural(digits: product)
    }

    /// Whether this is the square of a number. Most that are not are found out by what squares leave when divided.
    var isSquare: Bool {
        guard let low = digits.first else { return true }
        guard 1 << (low % 64) & Self.squaresOf64 != 0 else { return false }
        let rest = self % Self.sieveProduct
        for (prime, squares) in Self.sieve where 1 << (rest % prime) & squares == 0 { return false }
        return shiftedSquareRoot().rest.isZero
    }

    private static func squares(modulo number: UInt32) -> UInt64 {
        (0..<number).reduce(0) { $0 | 1 << UInt64($1 * $1 % number) }
    }

    private static let squaresOf64 = squares(modulo: 64)
    private static let sieve: [(prime: UInt32, squares: UInt64)] = [9, 5, 7, 11, 13, 17, 19, 23].map {
        ($0, squares(modulo: $0))
    }
    private static let sieveProduct = sieve.reduce(1) { $0 * $1.prime }
}

/// RSA moduli whose primes lie close together (protocol-servers §8.4, CVE-2022-26320).
enum CloseFactors {
    /// What the practice of public CAs asks for.
    static let rounds = 100

    /// Fermat's method: of the `rounds` smallest a ≥ √n, whether a² − n is a square b², so that n = (a − b)(a + b).
    static func areFound(in modulus: Natural, rounds: Int = rounds) -> Bool {
        var candidate = modulus.squareRoot
        var difference = candidate.squared
        if difference == modulus { return true }
        func step() {
            difference += candidate
            difference += candidate
            difference += Natural(1)
            candidate += Natural(1)
        }
        // The root was rounded down, and its square is below n: the next one's is above.
        step()
        difference -= modulus
        for _ in 0..<rounds {
            if difference.isSquare { return true }
            step()
        }
        return false
    }
}
