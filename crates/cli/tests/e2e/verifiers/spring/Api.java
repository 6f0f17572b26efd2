import static org.springframework.web.servlet.function.RouterFunctions.route;

import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.core.OAuth2AuthenticatedPrincipal;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtAudienceValidator;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtIssuerValidator;
import org.springframework.security.oauth2.jwt.JwtTypeValidator;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.ServerResponse;

/**
 * An API in Java, whose tokens Spring Security verifies by the keys that the issuer publishes, or by asking it.
 *
 * <pre>java Api LIBRARY ISSUER AUDIENCE        says "serves ADDRESS"; GET answers 200 with the scope, or 401</pre>
 *
 * The one that asks is the client of CLIENT_ID and CLIENT_SECRET in the environment.
 */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class Api {
    public static void main(String[] args) {
        String library = args[0], issuer = args[1], audience = args[2];
        String server = "spring.security.oauth2.resourceserver.opaquetoken.";
        Map<String, Object> properties = switch (library) {
            case "spring-jwt" -> Map.of("api.issuer", issuer, "api.audience", audience);
            case "spring-opaque" -> Map.of(
                    server + "introspection-uri", issuer + "/oauth2/introspect",
                    server + "client-id", System.getenv("CLIENT_ID"),
                    server + "client-secret", System.getenv("CLIENT_SECRET"));
            default -> throw new IllegalArgumentException(library);
        };
        var application = new SpringApplication(Api.class);
        application.setDefaultProperties(properties);
        application.setBannerMode(Banner.Mode.OFF);
        var context = application.run("--server.port=0", "--server.address=127.0.0.1", "--logging.level.root=warn");
        System.out.println("serves 127.0.0.1:" + context.getEnvironment().getProperty("local.server.port"));
    }

    /** For tokens of RFC 9068, which Spring takes only if it is told to. */
    @Bean
    @ConditionalOnProperty("api.issuer")
    JwtDecoder decoder(@Value("${api.issuer}") String issuer, @Value("${api.audience}") String audience) {
        NimbusJwtDecoder decoder = NimbusJwtDecoder.withIssuerLocation(issuer).validateType(false).build();
        decoder.setJwtValidator(JwtValidators.createDefaultWithValidators(
                new JwtTypeValidator("at+jwt"), new JwtIssuerValidator(issuer), new JwtAudienceValidator(audience)));
        return decoder;
    }

    @Bean
    RouterFunction<ServerResponse> payments() {
        return route()
                .GET("/payments", request -> ServerResponse.ok().body(scope((Authentication) request.principal().orElseThrow())))
                .build();
    }

    private static String scope(Authentication caller) {
        if (caller.getPrincipal() instanceof Jwt jwt) {
            return jwt.getClaimAsString("scope");
        }
        return String.join(" ", ((OAuth2AuthenticatedPrincipal) caller.getPrincipal()).<Iterable<String>>getAttribute("scope"));
    }
}
