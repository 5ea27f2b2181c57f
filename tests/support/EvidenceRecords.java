import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.DigestCalculator;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;
import org.bouncycastle.tsp.ers.*;

/**
 * BouncyCastle's evidence records. `verify SECONDS (RECORD DOCUMENT)...` prints a line for each, as of that moment.
 * `begin|stamp|hash DIGEST RECORD|- REPLY|- OUT DOCUMENT...` makes and renews them; without a reply it writes a request.
 */
public final class EvidenceRecords {
    private static final BigInteger NONCE = BigInteger.valueOf(42);

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider("BC").build();
        if (arguments[0].equals("verify")) {
            verify(digests, arguments);
        } else {
            make(digests, arguments);
        }
    }

    private static void verify(DigestCalculatorProvider digests, String[] arguments) throws Exception {
        Date moment = new Date(Long.parseLong(arguments[1]) * 1000);
        for (int i = 2; i < arguments.length; i += 2) {
            ERSEvidenceRecord record = new ERSEvidenceRecord(read(arguments[i]), digests);
            X509CertificateHolder certificate = record.getSigningCertificate();
            record.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate));
            try {
                record.validatePresent(new ERSByteData(read(arguments[i + 1])), moment);
                System.out.println("VERIFIED");
            } catch (ERSException error) {
                System.out.println(error.getMessage());
            }
        }
    }

    private static void make(DigestCalculatorProvider digests, String[] arguments) throws Exception {
        DigestCalculator digest = digests.get(new AlgorithmIdentifier(new ASN1ObjectIdentifier(arguments[1])));
        TimeStampRequestGenerator requests = new TimeStampRequestGenerator();
        requests.setCertReq(true);
        TimeStampResponse reply = arguments[3].equals("-") ? null : new TimeStampResponse(read(arguments[3]));
        List<ERSData> documents = new ArrayList<>();
        for (int i = 5; i < arguments.length; i++) {
            documents.add(new ERSByteData(read(arguments[i])));
        }
        byte[] out;
        if (arguments[0].equals("begin")) {
            ERSArchiveTimeStampGenerator generator = new ERSArchiveTimeStampGenerator(digest);
            generator.addAllData(documents);
            byte[] request = generator.generateTimeStampRequest(requests, NONCE).getEncoded();
            if (reply == null) {
                out = request;
            } else {
                List<ERSEvidenceRecord> records =
                    new ERSEvidenceRecordGenerator(digests).generate(generator.generateArchiveTimeStamps(reply));
                for (int i = 0; i < records.size(); i++) {
                    Files.write(Path.of(arguments[4] + "." + i), records.get(i).getEncoded());
                }
                return;
            }
        } else {
            ERSEvidenceRecord record = new ERSEvidenceRecord(read(arguments[2]), digests);
            boolean byStamp = arguments[0].equals("stamp");
            if (reply == null) {
                out = (byStamp
                    ? record.generateTimeStampRenewalRequest(requests, NONCE)
                    : record.generateHashRenewalRequest(digest, documents.get(0), requests, NONCE)).getEncoded();
            } else {
                out = (byStamp ? record.renewTimeStamp(reply) : record.renewHash(digest, documents.get(0), reply))
                    .getEncoded();
            }
        }
        Files.write(Path.of(arguments[4]), out);
    }

    private static byte[] read(String path) throws Exception {
        return Files.readAllBytes(Path.of(path));
    }
}
