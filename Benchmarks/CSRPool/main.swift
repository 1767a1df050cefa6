import Domain
import Encoding
import PKI

#if canImport(Glibc)
    import Glibc
#endif

// Writes request lines for the issuance benchmark: `<path>\t<json body>`, each with a fresh key and CSR.
// Arguments: --records R --count N.

func value(of flag: String) -> Int? {
    guard let position = CommandLine.arguments.firstIndex(of: flag), position + 1 < CommandLine.arguments.count else {
        return nil
    }
    return Int(CommandLine.arguments[position + 1])
}

func write(_ text: String, to descriptor: Int32) {
    var octets = Array(text.utf8)[...]
    while !octets.isEmpty {
        let count = octets.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { exit(1) }
        octets = octets.dropFirst(count)
    }
}

guard let records = value(of: "--records"), let count = value(of: "--count"), records > 0, count > 0 else {
    write("usage: csr-pool --records R --count N\n", to: STDERR_FILENO)
    exit(2)
}

var lines = ""
for number in 0..<count {
    let record = number % records
    let name = "bench-\(record).certctl.test"
    let key = try PrivateKey.generate(.ecdsaP256)
    let request = try CertificationRequestBuilder.makeCSR(
        commonName: name, subjectAltNames: [try SubjectAltName(classifying: name)], key: key
    )
    let body = JSONValue.object(["csr_pem": .string(request.pem)])
    lines += "/api/v1/certificates/mc-bench-\(record)/csr\t\(body.text)\n"
    if lines.utf8.count > 1 << 20 {
        write(lines, to: STDOUT_FILENO)
        lines = ""
    }
}
write(lines, to: STDOUT_FILENO)
