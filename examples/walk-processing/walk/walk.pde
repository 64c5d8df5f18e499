// The picture in a window; the mouse steers its walk: further right is faster, further down goes further. Click: elsewhere.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

String dream = "http://127.0.0.1:8000/api/sessions/dream";
HttpClient http = HttpClient.newHttpClient();
int seed = 0;

void setup() { size(512, 512); }

void draw() {
  PImage picture = loadImage(dream + "/outputs/image.jpg", "jpg");
  if (picture != null) image(picture, 0, 0, width, height);
}

void mouseMoved() {
  tell("{\"speed\": " + map(mouseX, 0, width, 0, 4) + ", \"distance\": " + map(mouseY, 0, height, 0.05, 2) + "}");
}

void mousePressed() {
  seed = seed + 1;
  tell("{\"play\": true, \"seed\": " + seed + "}");
}

void tell(String settings) {
  HttpRequest.BodyPublisher body = HttpRequest.BodyPublishers.ofString(settings);
  HttpRequest request = HttpRequest.newBuilder(URI.create(dream + "/walk")).method("PATCH", body).build();
  http.sendAsync(request, HttpResponse.BodyHandlers.ofString()).thenAccept(answer -> {
    if (answer.statusCode() >= 400) println(answer.body());
  });
}
