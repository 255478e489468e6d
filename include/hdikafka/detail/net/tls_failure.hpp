// Why TLS failed, in words that one can act on.
#ifndef HDIKAFKA_DETAIL_NET_TLS_FAILURE_HPP
#define HDIKAFKA_DETAIL_NET_TLS_FAILURE_HPP

#include <hdikafka/detail/base/environment.hpp>
#include <hdikafka/detail/base/openssl_handle.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/tls_options.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <array>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// OpenSSL's own words for an error.
inline std::string openssl_reason(unsigned long code)
{
    char const* const reason = ERR_reason_error_string(code);
    return reason ? reason : "unknown reason";
}

/// The number of the alert that an error of OpenSSL's tells of: one that the peer sent. 0 if it is about
/// something else.
inline int received_alert(unsigned long code) noexcept
{
    constexpr int numbers = 256;
    int const number = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
    return ERR_GET_LIB(code) == ERR_LIB_SSL && number > 0 && number < numbers ? number : 0;
}

/// Whether a server says by this alert that it does not accept the client: in TLS 1.3 it may say so when the
/// client has finished long since and sends, which the server then never looks at.
inline bool refuses_client(int alert) noexcept
{
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_INSUFFICIENT_SECURITY:
    case SSL_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
    }
}

/// What the peer said by an alert, and what is usually meant.
template <class = void>
std::string alert_words(unsigned long code)
{
    constexpr std::string_view before = "alert ";
    std::string name = openssl_reason(code); // "tlsv13 alert certificate required"
    if (auto const at = name.find(before); at != std::string::npos)
        name.erase(0, at + before.size());
    std::string out = "the server refused with the TLS alert '" + name + "'";
    switch (received_alert(code)) {
    case SSL_AD_CERTIFICATE_REQUIRED:
        out += ": it wants a client certificate (tls_options::configure() can give one)";
        break;
    case SSL_AD_UNKNOWN_CA: out += ": it does not know who issued the client's certificate"; break;
    default: break;
    }
    return out;
}

/// "2026-11-30 22:05:00 UTC"
inline std::string time_words(std::tm const& when)
{
    std::array<char, 32> text{};
    auto const size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &when);
    return std::string(text.data(), size);
}

/// The period of the first certificate shown that is not valid now, beside this machine's clock: either may
/// be what is wrong.
template <class = void>
std::string validity_words(SSL* connection)
{
    std::time_t const now = std::time(nullptr);
    std::tm clock = {};
    OPENSSL_gmtime(&now, &clock);
    std::string out;
    STACK_OF(X509)* const shown = SSL_get_peer_cert_chain(connection);
    for (int i = 0; i < sk_X509_num(shown) && out.empty(); ++i) {
        X509 const* const one = sk_X509_value(shown, i);
        std::tm begin = {};
        std::tm end = {};
        bool const valid = X509_cmp_current_time(X509_get0_notBefore(one)) < 0 &&
                           X509_cmp_current_time(X509_get0_notAfter(one)) > 0;
        if (!valid && ASN1_TIME_to_tm(X509_get0_notBefore(one), &begin) == 1 &&
            ASN1_TIME_to_tm(X509_get0_notAfter(one), &end) == 1)
            out = ": it is valid from " + time_words(begin) + " to " + time_words(end);
    }
    return out + (out.empty() ? ": this" : ", and this") + " machine's clock says " + time_words(clock);
}

/// The names and addresses that a certificate is for, as OpenSSL writes them; a few.
template <class = void>
std::string names_in(X509* certificate)
{
    constexpr int most = 5;
    constexpr std::size_t longest = 300;
    openssl_handle<GENERAL_NAMES, &GENERAL_NAMES_free> const names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    int const count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
    bio_ptr const out(BIO_new(BIO_s_mem()));
    for (int i = 0; i < count && i < most; ++i) {
        if (i != 0)
            BIO_write(out.get(), ", ", 2);
        GENERAL_NAME_print(out.get(), sk_GENERAL_NAME_value(names.get(), i));
    }
    char* data = nullptr;
    long const size = BIO_get_mem_data(out.get(), &data);
    std::string text(data, size > 0 ? static_cast<std::size_t>(size) : 0);
    if (text.size() > longest)
        text.resize(longest);
    for (char& c : text)
        if (c < ' ' || c > '~')
            c = '?';
    if (count > most)
        text += " and " + std::to_string(count - most) + " more";
    return text;
}

/// Whom the server's certificate is for, other than the host or address that was asked for.
template <class = void>
std::string mismatch_words(SSL* connection)
{
    X509_VERIFY_PARAM* const checks = SSL_get0_param(connection);
    std::string out = "the server's certificate is not for ";
    if (char const* const host = X509_VERIFY_PARAM_get0_host(checks, 0)) {
        out += host;
    } else {
        char* const address = X509_VERIFY_PARAM_get1_ip_asc(checks);
        out += address ? address : "the host";
        OPENSSL_free(address);
    }
    STACK_OF(X509)* const shown = SSL_get_peer_cert_chain(connection);
    std::string const names = sk_X509_num(shown) > 0 ? names_in(sk_X509_value(shown, 0)) : std::string();
    return out + " but for " +
           (names.empty() ? "nobody: it has no alternative names, and its subject does not count" : names);
}

/// Whether verification failed because no certificate that is trusted was found.
inline bool lacks_root(long verified) noexcept
{
    return verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           verified == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           verified == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           verified == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

/// Where OpenSSL looks for the system's authorities: in one place of two, a file or a folder.
inline std::string place_of_trust(char const* variable, char const* usual)
{
    std::string const set = environment_variable(variable);
    std::string const& path = set.empty() ? usual : set;
    return path + (set.empty() ? "" : " (" + std::string(variable) + ")") +
           (::access(path.c_str(), R_OK) == 0 ? "" : ", which cannot be read");
}

/// Whom these options trust.
template <class = void>
std::string trust_words(tls_options const& options)
{
    std::string out = ": trusted are the authorities in ";
    if (!options.ca_file().empty())
        out += "the CA file " + options.ca_file();
    if (!options.ca_pem().empty())
        out += options.ca_file().empty() ? "the CA text" : " and the CA text";
    if (options.ca_file().empty() && options.ca_pem().empty())
        out += "the file " + place_of_trust(X509_get_default_cert_file_env(), X509_get_default_cert_file()) +
               ", and in the folder " +
               place_of_trust(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    return out;
}

/// Why the server's certificate was refused by us.
template <class = void>
error certificate_failure(SSL* connection)
{
    long const verified = SSL_get_verify_result(connection);
    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return error(errc::host_mismatch, mismatch_words(connection));
    bool const time = verified == X509_V_ERR_CERT_HAS_EXPIRED || verified == X509_V_ERR_CERT_NOT_YET_VALID;
    return error(errc::certificate_refused, "the server's certificate was refused: " +
                                                std::string(X509_verify_cert_error_string(verified)) +
                                                (time ? validity_words(connection) : std::string()));
}

/// Why OpenSSL gave up by itself.
template <class = void>
error protocol_failure(unsigned long code)
{
    if (received_alert(code) != 0)
        return error(errc::tls_failed, alert_words(code));
    std::string const reason = openssl_reason(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
        return error(errc::tls_failed, "the server does not speak TLS (" + reason +
                                           "): the port seems to be one for plain http, or of another kind");
    return error(errc::tls_failed, "TLS failed: " + reason);
}

} // namespace hdikafka::inline v0_1::detail

#endif
