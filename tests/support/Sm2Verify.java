import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** BouncyCastle's opinion of a CMS SignedData: Sm2Verify CMS [--content FILE] [--certificate FILE]... Prints VERIFIED. */
public final class Sm2Verify {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        byte[] message = Files.readAllBytes(Path.of(arguments[0]));
        byte[] content = null;
        List<X509CertificateHolder> candidates = new ArrayList<>();
        for (int i = 1; i < arguments.length; i += 2) {
            byte[] data = Files.readAllBytes(Path.of(arguments[i + 1]));
            switch (arguments[i]) {
                case "--content" -> content = data;
                case "--certificate" -> candidates.add(new X509CertificateHolder(data));
                default -> throw new IllegalArgumentException(arguments[i]);
            }
        }
        CMSSignedData signed = content == null
            ? new CMSSignedData(message)
            : new CMSSignedData(new CMSProcessableByteArray(content), message);
        candidates.addAll(signed.getCertificates().getMatches(null));
        if (signed.getSignerInfos().size() == 0) {
            throw new IllegalStateException("nobody signed");
        }
        for (SignerInformation signer : signed.getSignerInfos()) {
            X509CertificateHolder certificate = candidates.stream()
                .filter(candidate -> signer.getSID().match(candidate))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no certificate of the signer"));
            if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate))) {
                throw new IllegalStateException("the signature is not good");
            }
        }
        System.out.println("VERIFIED");
    }
}
