import java.io.FileInputStream;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tsp.*;

/** Whether BouncyCastle takes a TimeStampResp for the answer to a TimeStampReq, and of when its token is. */
public class ReplyVerify {
    public static void main(String[] files) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        TimeStampRequest request = new TimeStampRequest(Files.readAllBytes(Paths.get(files[0])));
        TimeStampResponse response = new TimeStampResponse(Files.readAllBytes(Paths.get(files[1])));
        response.validate(request);
        TimeStampToken token = response.getTimeStampToken();
        X509CertificateHolder holder = (X509CertificateHolder)
            token.getCertificates().getMatches(token.getSID()).iterator().next();
        token.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(holder));
        System.out.println("valid " + token.getTimeStampInfo().getGenTime().toInstant());
    }
}
