// The certificate by which a client says who it is, with its private key: read from PEM or PFX.
#ifndef HDIKAFKA_DETAIL_IDENTITY_CERTIFICATE_HPP
#define HDIKAFKA_DETAIL_IDENTITY_CERTIFICATE_HPP

#include <hdikafka/detail/base/openssl_handle.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/result.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

using pkcs12_ptr = openssl_handle<PKCS12, &PKCS12_free>;
using x509_sig_ptr = openssl_handle<X509_SIG, &X509_SIG_free>;
using pkcs8_ptr = openssl_handle<PKCS8_PRIV_KEY_INFO, &PKCS8_PRIV_KEY_INFO_free>;

/// May be shared: nothing here changes when it signs.
class client_certificate
{
public:
    pkey_ptr key;                   ///< Private, RSA, of 2048 bits at least.
    std::vector<std::string> chain; ///< DER: the key's own certificate, then those that certify it.
};

/// Leaves this thread's queue of OpenSSL's errors as empty as it makes it.
class openssl_errors
{
public:
    openssl_errors() noexcept { ERR_clear_error(); }
    openssl_errors(openssl_errors const&) = delete;
    openssl_errors& operator=(openssl_errors const&) = delete;
    ~openssl_errors() { ERR_clear_error(); }
};

/// One block of a PEM text; its bytes are wiped.
class pem_block
{
public:
    pem_block() = default;
    pem_block(pem_block const&) = delete;
    pem_block& operator=(pem_block const&) = delete;
    ~pem_block()
    {
        OPENSSL_secure_free(name_);
        OPENSSL_secure_free(header_);
        OPENSSL_secure_clear_free(data_, size_);
    }

    /// Once only. False at the end and at a fault: OpenSSL's queue says which.
    bool read(BIO* from)
    {
        // "Secure" has OpenSSL wipe its own copies, too.
        if (PEM_read_bio_ex(from, &name_, &header_, &data_, &length_, PEM_FLAG_SECURE) != 1)
            return false;
        size_ = static_cast<std::size_t>(length_);
        return true;
    }

    /// Decrypts what a header like "DEK-Info: AES-256-CBC,…" says is encrypted.
    bool decrypt(std::string_view passphrase)
    {
        EVP_CIPHER_INFO cipher{};
        return PEM_get_EVP_CIPHER_INFO(header_, &cipher) == 1 &&
               PEM_do_header(&cipher, data_, &length_, &give, &passphrase) == 1;
    }

    std::string_view name() const noexcept { return name_; }
    bool has_header() const noexcept { return *header_ != '\0'; }
    unsigned char const* data() const noexcept { return data_; }
    long length() const noexcept { return length_; }

private:
    /// Without a callback OpenSSL asks at the terminal.
    static int give(char* out, int size, int /*writing*/, void* passphrase)
    {
        auto const& text = *static_cast<std::string_view const*>(passphrase);
        if (text.size() > static_cast<std::size_t>(size))
            return -1;
        return static_cast<int>(text.copy(out, text.size()));
    }

    char* name_ = nullptr;
    char* header_ = nullptr;
    unsigned char* data_ = nullptr;
    long length_ = 0;
    std::size_t size_ = 0; // of data_, of which decrypting may leave less
};

/// What a file holds, in its order.
class certificate_parts
{
public:
    pkey_ptr key;
    std::vector<x509_ptr> certificates;
};

// The functions below say what is wrong, in words that go on from the file's name, or nothing.

/// Why something encrypted could not be read, by OpenSSL's queue, which is emptied.
template <class = void>
std::string decryption_fault(std::string const& passphrase, std::string_view conversion)
{
    char const* const oldest = ERR_reason_error_string(ERR_peek_error());
    bool legacy = false;
    bool no_checksum = false;
    while (unsigned long const code = ERR_get_error()) {
        auto const is = [code](int library, int reason) {
            return ERR_GET_LIB(code) == library && ERR_GET_REASON(code) == reason;
        };
        legacy = legacy || is(ERR_LIB_EVP, ERR_R_UNSUPPORTED);
        no_checksum = no_checksum || is(ERR_LIB_PKCS12, PKCS12_R_MAC_GENERATION_ERROR) ||
                      is(ERR_LIB_PKCS12, PKCS12_R_MAC_ABSENT);
    }
    if (legacy)
        return "is encrypted with an algorithm of OpenSSL's legacy provider: convert it with " +
               std::string(conversion) + ", or load that provider";
    if (no_checksum) // nothing was compared: no word on the passphrase
        return std::string("cannot be read: ") + (oldest ? oldest : "unknown reason");
    return passphrase.empty() ? "is encrypted and needs a passphrase" : "does not open with this passphrase";
}

template <class = void>
std::string read_pem_key(pem_block& block, std::string const& passphrase, certificate_parts& out)
{
    if (out.key)
        return "has more than one private key";
    constexpr std::string_view conversion = "openssl pkey -provider legacy -provider default";
    unsigned char const* at = block.data();
    if (block.name() == "ENCRYPTED PRIVATE KEY") {
        x509_sig_ptr const encrypted(d2i_X509_SIG(nullptr, &at, block.length()));
        if (!encrypted)
            return "has a damaged private key: " + take_openssl_reason();
        pkcs8_ptr const plain(
            PKCS8_decrypt(encrypted.get(), passphrase.data(), static_cast<int>(passphrase.size())));
        if (!plain)
            return decryption_fault(passphrase, conversion);
        out.key = pkey_ptr(EVP_PKCS82PKEY(plain.get()));
    } else {
        bool const encrypted = block.has_header();
        if (!block.decrypt(passphrase))
            return decryption_fault(passphrase, conversion);
        out.key = pkey_ptr(d2i_AutoPrivateKey(nullptr, &at, block.length()));
        if (!out.key && encrypted) // a wrong passphrase may leave something that looks well padded
            return decryption_fault(passphrase, conversion);
    }
    return out.key ? std::string() : "has an unusable private key: " + take_openssl_reason();
}

template <class = void>
std::string read_pem(std::string_view text, std::string const& passphrase, certificate_parts& out)
{
    ERR_clear_error();
    bio_ptr const in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    if (!in)
        return "cannot be read: " + take_openssl_reason();
    for (;;) {
        pem_block block;
        if (!block.read(in.get()))
            break;
        std::string_view const name = block.name();
        if (name == "CERTIFICATE" || name == "X509 CERTIFICATE" || name == "TRUSTED CERTIFICATE") {
            unsigned char const* at = block.data();
            out.certificates.emplace_back(d2i_X509_AUX(nullptr, &at, block.length()));
            if (!out.certificates.back())
                return "has a damaged certificate: " + take_openssl_reason();
        } else if (name.ends_with("PRIVATE KEY")) {
            if (std::string fault = read_pem_key(block, passphrase, out); !fault.empty())
                return fault;
        }
    }
    bool const whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    return whole ? std::string() : "is damaged: " + take_openssl_reason();
}

template <class = void>
std::string read_pfx(PKCS12* from, std::string const& passphrase, certificate_parts& out)
{
    if (passphrase.find('\0') != std::string::npos) // OpenSSL would take what stands before it
        return "does not open with this passphrase: it holds NUL";
    EVP_PKEY* key = nullptr;
    X509* leaf = nullptr;
    STACK_OF(X509)* others = nullptr;
    bool const parsed = PKCS12_parse(from, passphrase.c_str(), &key, &leaf, &others) == 1;
    out.key = pkey_ptr(key);
    if (leaf)
        out.certificates.emplace_back(leaf);
    while (X509* const other = sk_X509_shift(others))
        out.certificates.emplace_back(other);
    sk_X509_free(others);
    if (parsed)
        return {};
    return decryption_fault(passphrase, "openssl pkcs12 -legacy -in OLD -out NEW.pem");
}

/// The DER of the certificate that is the key's, then of its issuer, and so on (the order of RFC 7515
/// §4.1.6); the rest of them comes last. Empty when no certificate is the key's.
template <class = void>
std::vector<std::string> order_chain(certificate_parts const& parts)
{
    std::vector<X509*> left;
    left.reserve(parts.certificates.size());
    for (auto const& certificate : parts.certificates)
        left.push_back(certificate.get());
    std::vector<std::string> out;
    X509* last = nullptr;
    auto const next = [&] {
        return std::ranges::find_if(left, [&](X509* each) {
            return last ? X509_check_issued(each, last) == X509_V_OK
                        : X509_check_private_key(each, parts.key.get()) == 1;
        });
    };
    for (auto at = next(); !left.empty(); at = next()) {
        if (at == left.end() && !last)
            return out;
        if (at == left.end())
            at = left.begin();
        last = *at;
        left.erase(at);
        std::string der = certificate_der(last);
        if (std::ranges::find(out, der) == out.end())
            out.push_back(std::move(der));
    }
    return out;
}

template <class = void>
std::string use_parts(certificate_parts parts, client_certificate& out)
{
    if (!parts.key)
        return "has no private key";
    if (parts.certificates.empty())
        return "has no certificate";
    if (EVP_PKEY_get_base_id(parts.key.get()) != EVP_PKEY_RSA)
        return "has a private key that is not for RSA";
    if (EVP_PKEY_get_bits(parts.key.get()) < 2048)
        return "has a private key of less than 2048 bits";
    out.chain = order_chain(parts);
    if (out.chain.empty())
        return "has a private key that belongs to none of its certificates";
    out.key = std::move(parts.key);
    return {};
}

inline error certificate_refusal(std::string_view path, std::string_view fault)
{
    std::string what = "the client certificate ";
    what += path;
    what += path.empty() ? "" : " ";
    what += fault;
    return error(errc::invalid_option, what);
}

inline constexpr std::size_t max_certificate_size = std::size_t(1) << 20;

/// The same from bytes that are in memory; `path` is for the refusal's text.
template <class = void>
result<client_certificate> parse_client_certificate(std::string_view bytes, std::string const& passphrase,
                                                    std::string_view path = {})
{
    if (bytes.size() > max_certificate_size)
        return certificate_refusal(path, "is larger than 1 MiB");
    openssl_errors const none_left;
    certificate_parts parts;
    client_certificate out;
    std::string fault;
    auto const* at = reinterpret_cast<unsigned char const*>(bytes.data());
    if (pkcs12_ptr const pfx{d2i_PKCS12(nullptr, &at, static_cast<long>(bytes.size()))})
        fault = read_pfx(pfx.get(), passphrase, parts);
    else if (bytes.find("-----BEGIN ") != std::string_view::npos)
        fault = read_pem(bytes, passphrase, parts);
    else
        fault = "is neither PEM nor PFX (PKCS#12)";
    if (fault.empty())
        fault = use_parts(std::move(parts), out);
    if (!fault.empty())
        return certificate_refusal(path, fault);
    return out;
}

/// A certificate's date as people read it.
inline std::string date_text(ASN1_TIME const* date)
{
    std::tm parts{};
    std::array<char, 32> text{};
    if (ASN1_TIME_to_tm(date, &parts) != 1)
        return "a date that cannot be read";
    return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts));
}

/// Why the authority would refuse the certificate today. It says so of both cases with one number, and of no
/// file.
template <class = void>
std::string validity_fault(std::string const& der, std::chrono::system_clock::time_point now)
{
    openssl_errors const none_left;
    auto const* at = reinterpret_cast<unsigned char const*>(der.data());
    x509_ptr const certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!certificate)
        return {};
    std::time_t const seconds = std::chrono::system_clock::to_time_t(now);
    auto const differs = [seconds](ASN1_TIME const* date) { return ASN1_TIME_cmp_time_t(date, seconds); };
    ASN1_TIME const* const begin = X509_get0_notBefore(certificate.get());
    ASN1_TIME const* const end = X509_get0_notAfter(certificate.get());
    if (differs(begin) == 1)
        return "is not valid before " + date_text(begin) + ": is the clock of this machine right?";
    if (differs(end) == -1)
        return "expired on " + date_text(end) + ": put a new one there, and register it with the application";
    return {};
}

/// The first `most` bytes of a file, at most, without a copy of them that stays. The error's cause goes on
/// from the file's name.
inline result<secret> read_secret_file(std::string const& path, std::size_t most)
{
    auto const fault = [](std::string const& what) {
        return error(errc::invalid_option, what + ": " + std::generic_category().message(errno));
    };
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(path.c_str(), "rb"), &std::fclose);
    if (!file)
        return fault("cannot be opened");
    (void)std::setvbuf(file.get(), nullptr, _IONBF, 0); // no copy there
    std::string text(most, '\0');
    text.resize(std::fread(text.data(), 1, most, file.get()));
    secret content(std::move(text));
    if (std::ferror(file.get()) != 0)
        return fault("cannot be read");
    return content;
}

/// Reads a certificate, its chain and its private key from a file: PEM, with the blocks in any order, or PFX;
/// its content tells which. The passphrase is for what is encrypted; OpenSSL never asks for one itself.
/// It must be valid at this time. Every refusal is errc::invalid_option and names the file.
template <class = void>
result<client_certificate>
load_client_certificate(std::string const& path, std::string const& passphrase,
                        std::chrono::system_clock::time_point now = std::chrono::system_clock::now())
{
    auto const content = read_secret_file(path, max_certificate_size + 1);
    if (!content)
        return certificate_refusal(path, content.error().cause());
    auto out = parse_client_certificate(content.value().text(), passphrase, path);
    std::string const fault = out ? validity_fault(out.value().chain.front(), now) : std::string();
    if (!fault.empty())
        return certificate_refusal(path, fault);
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
