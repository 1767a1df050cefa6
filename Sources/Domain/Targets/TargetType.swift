/// The kinds of consumer that certctl can deploy to (specification, targets §4.1).
package enum TargetType: String, Sendable, CaseIterable {
    case nginx = "NGINX"
    case apache = "Apache"
    case haProxy = "HAProxy"
    case f5 = "F5"
    case iis = "IIS"
    case traefik = "Traefik"
    case caddy = "Caddy"
    case envoy = "Envoy"
    case postfix = "Postfix"
    case dovecot = "Dovecot"
    case ssh = "SSH"
    case winCertStore = "WinCertStore"
    case javaKeystore = "JavaKeystore"
    case kubernetesSecrets = "KubernetesSecrets"
    case awsACM = "AWSACM"
    case azureKeyVault = "AzureKeyVault"
}
