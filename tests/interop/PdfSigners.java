// Signs PDF documents with PDFBox and iText 5, as their users do: arguments are PKCS#12 file and password, then
// program, kind, input and output of each document.

import com.itextpdf.text.Rectangle;
import com.itextpdf.text.pdf.PdfReader;
import com.itextpdf.text.pdf.PdfSignatureAppearance;
import com.itextpdf.text.pdf.PdfStamper;
import com.itextpdf.text.pdf.security.BouncyCastleDigest;
import com.itextpdf.text.pdf.security.MakeSignature;
import com.itextpdf.text.pdf.security.PrivateKeySignature;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Calendar;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

public class PdfSigners {
    private static PrivateKey key;
    private static Certificate[] chain;

    public static void main(String[] arguments) throws Exception {
        char[] password = arguments[1].toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(arguments[0]), password);
        String alias = store.aliases().nextElement();
        key = (PrivateKey) store.getKey(alias, password);
        chain = store.getCertificateChain(alias);
        for (int job = 2; job < arguments.length; job += 4) {
            String kind = arguments[job + 1];
            if (arguments[job].equals("pdfbox")) {
                pdfbox(arguments[job + 2], arguments[job + 3]);
            } else {
                itext(kind, arguments[job + 2], arguments[job + 3]);
            }
        }
    }

    private static void pdfbox(String from, String to) throws Exception {
        PDSignature signature = new PDSignature();
        signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
        signature.setSubFilter(PDSignature.SUBFILTER_ADBE_PKCS7_DETACHED);
        signature.setName("PDFBox");
        signature.setSignDate(Calendar.getInstance());
        try (PDDocument document = PDDocument.load(new File(from)); OutputStream out = new FileOutputStream(to)) {
            document.addSignature(signature, content -> {
                try {
                    CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
                    generator.addSignerInfoGenerator(
                        new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().build())
                            .build(new JcaContentSignerBuilder("SHA256WithRSA").build(key), (X509Certificate) chain[0]));
                    generator.addCertificates(new JcaCertStore(Arrays.asList(chain)));
                    return generator.generate(new CMSProcessableByteArray(content.readAllBytes()), false).getEncoded();
                } catch (Exception error) {
                    throw new java.io.IOException(error);
                }
            });
            document.saveIncremental(out);
        }
    }

    private static void itext(String kind, String from, String to) throws Exception {
        PdfStamper stamper =
            PdfStamper.createSignature(new PdfReader(from), new FileOutputStream(to), '\0', null, !kind.equals("rewritten"));
        PdfSignatureAppearance appearance = stamper.getSignatureAppearance();
        appearance.setReason("iText");
        appearance.setVisibleSignature(new Rectangle(72, 500, 250, 560), 1, "Sig" + System.nanoTime());
        if (kind.equals("certified")) {
            appearance.setCertificationLevel(PdfSignatureAppearance.CERTIFIED_FORM_FILLING);
        }
        MakeSignature.signDetached(
            appearance, new BouncyCastleDigest(), new PrivateKeySignature(key, "SHA-256", null), chain, null, null, null, 0,
            kind.equals("cades") ? MakeSignature.CryptoStandard.CADES : MakeSignature.CryptoStandard.CMS);
    }
}
