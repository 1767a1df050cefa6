import CPKCS11
import Domain
import PKI

/// An open session with a token: one call at a time.
struct TokenSession: Sendable {
    let cryptoki: Cryptoki
    let slot: UInt
    let handle: UInt
    /// The initialisation of the module that it belongs to.
    let epoch: Int

    private var functions: ck_function_list { cryptoki.functions.pointee }

    /// What one key in a token can have at most of attributes that are asked for, in octets.
    private static let longestAttribute = 1 << 16

    /// - `slot`: From ``Cryptoki/slot(of:)``.
    static func open(_ cryptoki: Cryptoki, slot: UInt, epoch: Int) throws(TokenFault) -> TokenSession {
        var handle: ck_ulong = 0
        // CKF_SERIAL_SESSION | CKF_RW_SESSION: keys are made in sessions that may write.
        try cryptoki.check(
            cryptoki.functions.pointee.C_OpenSession?(slot, 0x4 | 0x2, nil, nil, &handle), "C_OpenSession")
        return TokenSession(cryptoki: cryptoki, slot: slot, handle: handle, epoch: epoch)
    }

    func close() { _ = functions.C_CloseSession?(handle) }

    /// Logs the whole process in to the token. Whoever is logged in already stays so.
    ///
    /// - `user`: 1 for the user of the token; 2 for leave to use one key once (`CKU_CONTEXT_SPECIFIC`).
    func login(_ pin: Secret, as user: UInt = 1) throws(TokenFault) {
        let code = pin.withBytes { octets in
            octets.withUnsafeBufferPointer { functions.C_Login?(handle, user, $0.baseAddress, UInt($0.count)) }
        }
        if code == 0x100 { return }
        try cryptoki.check(code, "C_Login")
    }

    // MARK: Objects

    /// At most `limit` objects that have all of these attributes.
    func find(_ template: [TokenAttribute], limit: Int) throws(TokenFault) -> [UInt] {
        let started = template.withAttributes { functions.C_FindObjectsInit?(handle, $0, UInt($1)) }
        try cryptoki.check(started, "C_FindObjectsInit")
        defer { _ = functions.C_FindObjectsFinal?(handle) }
        var found: [UInt] = []
        while found.count < limit {
            var (object, count): (ck_ulong, ck_ulong) = (0, 0)
            try cryptoki.check(functions.C_FindObjects?(handle, &object, 1, &count), "C_FindObjects")
            guard count == 1 else { break }
            found.append(object)
        }
        return found
    }

    /// The value of an attribute; `nil` when the object has none.
    func attribute(_ type: UInt, of object: UInt) throws(TokenFault) -> [UInt8]? {
        var asked = ck_attribute(type: type, value: nil, length: 0)
        let code = functions.C_GetAttributeValue?(handle, object, &asked, 1)
        // CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE
        if code == 0x12 || code == 0x11 { return nil }
        try cryptoki.check(code, "C_GetAttributeValue")
        guard asked.length > 0, asked.length <= UInt(Self.longestAttribute) else { return nil }
        var octets = [UInt8](repeating: 0, count: Int(asked.length))
        let second = octets.withUnsafeMutableBytes { buffer in
            asked.value = buffer.baseAddress
            return functions.C_GetAttributeValue?(handle, object, &asked, 1)
        }
        try cryptoki.check(second, "C_GetAttributeValue")
        return Array(octets.prefix(Int(min(asked.length, UInt(octets.count)))))
    }

    func destroy(_ object: UInt) throws(TokenFault) {
        try cryptoki.check(functions.C_DestroyObject?(handle, object), "C_DestroyObject")
    }

    /// The handles of the public and the private key.
    func generate(
        _ mechanism: UInt, publicKey: [TokenAttribute], privateKey: [TokenAttribute]
    ) throws(TokenFault) -> (publicKey: UInt, privateKey: UInt) {
        var mechanism = ck_mechanism(mechanism: mechanism, parameter: nil, length: 0)
        var (publicHandle, privateHandle): (ck_ulong, ck_ulong) = (0, 0)
        let code = publicKey.withAttributes { publicTemplate, publicCount in
            privateKey.withAttributes { privateTemplate, privateCount in
                functions.C_GenerateKeyPair?(
                    handle, &mechanism, publicTemplate, UInt(publicCount), privateTemplate, UInt(privateCount),
                    &publicHandle, &privateHandle)
            }
        }
        try cryptoki.check(code, "C_GenerateKeyPair")
        return (publicHandle, privateHandle)
    }

    // MARK: Signing

    /// The raw signature of `data`, which is what the mechanism wants: a digest, or a `DigestInfo`. The PIN is given again
    /// before it to keys that want that each time.
    func sign(
        _ data: [UInt8], _ mechanism: TokenMechanism, key: UInt, pin: Secret?
    ) throws(TokenFault) -> [UInt8] {
        try cryptoki.check(
            mechanism.withMechanism { functions.C_SignInit?(handle, $0, key) }, "C_SignInit")
        if let pin { try login(pin, as: 2) }
        // RSA of 16384 bits is the longest that is conceivable.
        var signature = [UInt8](repeating: 0, count: 2048)
        var length = ck_ulong(signature.count)
        let code = signature.withUnsafeMutableBufferPointer { out in
            data.withUnsafeBufferPointer { input in
                functions.C_Sign?(handle, input.baseAddress, UInt(input.count), out.baseAddress, &length)
            }
        }
        try cryptoki.check(code, "C_Sign")
        guard length <= UInt(signature.count) else { throw .returned(0x06, by: "C_Sign") }
        return Array(signature.prefix(Int(length)))
    }
}

extension Cryptoki {
    /// What slots with a token there are.
    func tokens() throws(TokenFault) -> [(slot: UInt, token: TokenDescription)] {
        var count: ck_ulong = 0
        try check(functions.pointee.C_GetSlotList?(1, nil, &count), "C_GetSlotList")
        guard count > 0, count <= 4096 else { return [] }
        // One more may come between the two calls.
        var slots = [ck_ulong](repeating: 0, count: Int(count) + 8)
        count = ck_ulong(slots.count)
        try check(functions.pointee.C_GetSlotList?(1, &slots, &count), "C_GetSlotList")
        var found: [(slot: UInt, token: TokenDescription)] = []
        for slot in slots.prefix(Int(count)) {
            var info = ck_token_info()
            // One that went away in between is none.
            guard functions.pointee.C_GetTokenInfo?(slot, &info) == 0 else { continue }
            guard info.flags & 0x400 != 0 else { continue }  // CKF_TOKEN_INITIALIZED
            found.append((slot, TokenDescription(info)))
        }
        return found
    }

    /// The slot that holds a token, and what the token says of itself.
    func slot(of token: PKCS11Token) throws(TokenFault) -> (slot: UInt, token: TokenDescription) {
        let tokens = try tokens()
        let matching = tokens.filter { token.matches($0.token) }
        guard let first = matching.first else {
            throw .noToken(token, present: tokens.map { "\"\($0.token.label)\"" }.sorted())
        }
        guard matching.count == 1 else {
            throw .refused(
                .permission("\(matching.count) tokens match \(token); name the serial number in the reference"))
        }
        return first
    }
}

extension TokenDescription {
    fileprivate init(_ info: ck_token_info) {
        func text<Field>(_ field: Field) -> String {
            withUnsafeBytes(of: field) { octets in
                let padded = String(decoding: octets, as: UTF8.self)
                return String(padded.reversed().drop { $0 == " " || $0 == "\0" }.reversed())
            }
        }
        self.init(
            label: text(info.label), serial: text(info.serial), manufacturer: text(info.manufacturer),
            model: text(info.model), needsLogin: info.flags & 0x4 != 0, isPINLocked: info.flags & 0x4_0000 != 0,
            hasPIN: info.flags & 0x8 != 0)
    }
}
