// Java's PKIX validator with its own revocation checker: each certificate once by OCSP and once by list.
import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

public class PathCheck {
    static X509Certificate read(String file) throws Exception {
        try (var in = new FileInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }
    // The leaf and what stands above it, without the anchor.
    static List<Certificate> path(String file, Certificate anchor) throws Exception {
        try (var in = new FileInputStream(file)) {
            var all = new ArrayList<Certificate>(CertificateFactory.getInstance("X.509").generateCertificates(in));
            all.remove(anchor);
            return all;
        }
    }
    public static void main(String[] words) throws Exception {
        var root = read(words[0]);
        var anchor = new TrustAnchor(root, null);
        for (int i = 1; i < words.length; i++) for (var byList : new boolean[] {false, true}) {
            var validator = CertPathValidator.getInstance("PKIX");
            var checker = (PKIXRevocationChecker) validator.getRevocationChecker();
            var options = EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK);
            if (byList) options.add(PKIXRevocationChecker.Option.PREFER_CRLS);
            checker.setOptions(options);
            var parameters = new PKIXParameters(Set.of(anchor));
            parameters.addCertPathChecker(checker);
            var path = CertificateFactory.getInstance("X.509").generateCertPath(path(words[i], root));
            var said = "valid";
            try {
                validator.validate(path, parameters);
            } catch (CertPathValidatorException refusal) {
                said = refusal.getReason() + " " + (refusal.getCause() instanceof CertificateRevokedException r
                    ? r.getRevocationReason() : refusal.getMessage());
            }
            System.out.println((byList ? "crl " : "ocsp ") + said);
        }
    }
}
