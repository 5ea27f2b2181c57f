import java.nio.file.*;
import java.security.Security;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.*;
import org.bouncycastle.cms.jcajce.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** Whether BouncyCastle verifies each CMS SignedData: MESSAGE CONTENT …, the content empty where the message holds it. */
public class SealVerify {
    public static void main(String[] files) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        for (int i = 0; i < files.length; i += 2) {
            byte[] message = Files.readAllBytes(Paths.get(files[i]));
            byte[] content = Files.readAllBytes(Paths.get(files[i + 1]));
            CMSSignedData data = content.length == 0
                ? new CMSSignedData(message)
                : new CMSSignedData(new CMSProcessableByteArray(content), message);
            SignerInformation signer = data.getSignerInfos().getSigners().iterator().next();
            X509CertificateHolder holder = (X509CertificateHolder)
                data.getCertificates().getMatches(signer.getSID()).iterator().next();
            boolean good = signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(holder));
            System.out.println(good ? "valid" : "wrong");
        }
    }
}
