import Domain
import EmbeddedCA
import PKI

/// Keys in a token by the attributes of the standard (PKCS #11 v2.40 §4.7–4.9, mechanisms §2.1 and §2.3).
extension TokenSession {
    private static let (rsaKind, ecKind) = (TokenAttribute(0, number: 0).value, TokenAttribute(0, number: 3).value)

    private static func template(_ objectClass: UInt, _ uri: PKCS11URI) -> [TokenAttribute] {
        var template = [TokenAttribute(TokenAttribute.objectClass, number: objectClass)]
        if let object = uri.object { template.append(TokenAttribute(TokenAttribute.label, text: object)) }
        if let id = uri.id { template.append(TokenAttribute(TokenAttribute.id, id)) }
        return template
    }

    /// The handle of the one private key that a reference names.
    func privateKey(_ uri: PKCS11URI) throws(TokenFault) -> UInt {
        let found = try find(Self.template(TokenAttribute.privateKeyClass, uri), limit: 2)
        guard let key = found.first else { throw .refused(.keyNotFound("\(uri) is not in the token")) }
        guard found.count == 1 else {
            // Two servers that make the same key at the same time see both, until one of them has taken its own away.
            throw .refused(.transient("several keys match \(uri); name one by its identifier: id=%01%02"))
        }
        return key
    }

    /// The same for a key that must be there.
    func knownPrivateKey(_ uri: PKCS11URI, seen: Bool) throws(TokenFault) -> UInt {
        do throws(TokenFault) {
            return try privateKey(uri)
        } catch .refused(.keyNotFound) {
            throw .lostKey(uri, seen: seen)
        } catch {
            throw error
        }
    }

    func publicKeys(_ uri: PKCS11URI) throws(TokenFault) -> [UInt] {
        try find(Self.template(TokenAttribute.publicKeyClass, uri), limit: 2)
    }

    /// Finds the private key of a reference and reads its public key.
    func describe(_ uri: PKCS11URI) throws(TokenFault) -> TokenKeyDescription {
        let key = try privateKey(uri)
        var exact = uri
        if let id = try attribute(TokenAttribute.id, of: key), id.count <= 64 { exact.id = id }
        if try attribute(TokenAttribute.sign, of: key) == [0] {
            throw .refused(.permission("the key \(uri) is not for signatures (CKA_SIGN)"))
        }
        return TokenKeyDescription(
            publicKey: try publicKey(of: key, exact), uri: exact,
            wantsPIN: try attribute(TokenAttribute.alwaysAuthenticate, of: key) == [1])
    }

    func describeIfThere(_ uri: PKCS11URI) throws(TokenFault) -> TokenKeyDescription? {
        do throws(TokenFault) {
            _ = try privateKey(uri)
        } catch .refused(.keyNotFound) {
            return nil
        } catch {
            throw error
        }
        return try describe(uri)
    }

    /// RSA keys have their numbers in the private key too; a point on a curve is in the public key of the same identifier.
    private func publicKey(of key: UInt, _ uri: PKCS11URI) throws(TokenFault) -> SubjectPublicKey {
        let kind = try attribute(TokenAttribute.keyType, of: key)
        if let info = try attribute(TokenAttribute.publicKeyInfo, of: key) {
            return try Self.checked(uri) { () throws(KeyError) in try SubjectPublicKey(spkiDER: info) }
        }
        var byID = uri
        if byID.id != nil { byID.object = nil }
        let companion = try publicKeys(byID).first
        if kind == Self.rsaKind {
            for object in [key, companion].compactMap(\.self) {
                guard let modulus = try attribute(TokenAttribute.modulus, of: object),
                    let exponent = try attribute(TokenAttribute.publicExponent, of: object)
                else { continue }
                return try Self.checked(uri) { () throws(KeyError) in
                    try SubjectPublicKey(rsaModulus: modulus, exponent: exponent)
                }
            }
        } else if kind == Self.ecKind {
            for object in [companion, key].compactMap(\.self) {
                guard let parameters = try attribute(TokenAttribute.ecParameters, of: object),
                    let point = try attribute(TokenAttribute.ecPoint, of: object)
                else { continue }
                return try Self.checked(uri) { () throws(KeyError) in
                    try SubjectPublicKey(ecParameters: parameters, point: point)
                }
            }
        } else {
            throw .refused(.unsupported("\(uri) is neither an RSA key nor one on an elliptic curve"))
        }
        throw .refused(
            .keyNotFound("the public key of \(uri): a public key object with the same identifier must be in the token"))
    }

    private static func checked(
        _ uri: PKCS11URI, _ read: () throws(KeyError) -> SubjectPublicKey
    ) throws(TokenFault) -> SubjectPublicKey {
        do throws(KeyError) { return try read() } catch { throw .refused(.unsupported("\(uri): \(error)")) }
    }

    /// Makes a key pair that stays in the token: sensitive, not extractable, for signatures alone.
    ///
    /// - `uri`: With label and identifier.
    func makeKey(_ spec: KeySpec, _ uri: PKCS11URI) throws(TokenFault) -> TokenKeyDescription {
        let mechanism: UInt
        var publicKey = [TokenAttribute(TokenAttribute.verify, true)]
        switch spec {
        case .ecdsaP256, .ecdsaP384, .ecdsaP521:
            mechanism = 0x1040  // CKM_EC_KEY_PAIR_GEN
            publicKey.append(TokenAttribute(TokenAttribute.ecParameters, spec.ecParameters ?? []))
        case .rsa2048, .rsa3072, .rsa4096:
            mechanism = 0x0  // CKM_RSA_PKCS_KEY_PAIR_GEN
            publicKey.append(TokenAttribute(TokenAttribute.modulusBits, number: UInt(spec.size)))
            publicKey.append(TokenAttribute(TokenAttribute.publicExponent, [0x01, 0x00, 0x01]))
        case .ed25519, .mlDSA65, .mlDSA87:
            throw .refused(.unsupported("keys of kind \(spec.rawValue) are not made in tokens"))
        }
        let common = [
            TokenAttribute(TokenAttribute.token, true),
            TokenAttribute(TokenAttribute.label, text: uri.object ?? ""),
            TokenAttribute(TokenAttribute.id, uri.id ?? []),
        ]
        let handles = try generate(
            mechanism, publicKey: common + publicKey,
            privateKey: common + [
                TokenAttribute(TokenAttribute.isPrivate, true), TokenAttribute(TokenAttribute.sign, true),
                TokenAttribute(TokenAttribute.sensitive, true), TokenAttribute(TokenAttribute.extractable, false),
            ])
        let isSensitive = try attribute(TokenAttribute.sensitive, of: handles.privateKey) == [1]
        let isKept = try attribute(TokenAttribute.extractable, of: handles.privateKey) == [0]
        guard isSensitive, isKept else {
            try destroy(handles.publicKey)
            try destroy(handles.privateKey)
            throw .refused(.unsupported("the token made a key that can be taken out of it; the key was removed"))
        }
        return try describe(uri)
    }
}
