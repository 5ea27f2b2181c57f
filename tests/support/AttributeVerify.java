import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x509.Attribute;
import org.bouncycastle.asn1.x509.RoleSyntax;
import org.bouncycastle.cert.X509AttributeCertificateHolder;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509ContentVerifierProviderBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** BouncyCastle's opinion of an attribute certificate: AttributeVerify AC AUTHORITY HOLDER. Prints VERIFIED and the roles. */
public final class AttributeVerify {
    private static final ASN1ObjectIdentifier ROLE = new ASN1ObjectIdentifier("2.5.4.72");

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        X509AttributeCertificateHolder certificate =
            new X509AttributeCertificateHolder(Files.readAllBytes(Path.of(arguments[0])));
        X509CertificateHolder authority = new X509CertificateHolder(Files.readAllBytes(Path.of(arguments[1])));
        X509CertificateHolder holder = new X509CertificateHolder(Files.readAllBytes(Path.of(arguments[2])));
        if (!certificate.isSignatureValid(
                new JcaX509ContentVerifierProviderBuilder().setProvider("BC").build(authority))) {
            throw new IllegalStateException("the signature is not good");
        }
        if (!certificate.getHolder().match(holder)) {
            throw new IllegalStateException("another holder");
        }
        if (!certificate.getIssuer().match(authority)) {
            throw new IllegalStateException("another issuer");
        }
        StringBuilder roles = new StringBuilder("VERIFIED");
        for (Attribute attribute : certificate.getAttributes(ROLE)) {
            for (int i = 0; i < attribute.getAttrValues().size(); i++) {
                roles.append(' ').append(RoleSyntax.getInstance(attribute.getAttrValues().getObjectAt(i)).getRoleNameAsString());
            }
        }
        System.out.println(roles);
    }
}
