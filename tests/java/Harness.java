// Runs a sketch as it stands. On each line read from standard input the next finished frame is saved under that name,
// and then the line is written back. The end of input ends the sketch.

import java.util.Scanner;
import java.util.concurrent.ConcurrentLinkedQueue;
import processing.core.PApplet;

public class Harness extends Sketch {
  private static final ConcurrentLinkedQueue<String> wanted = new ConcurrentLinkedQueue<>();

  public static void main(String[] arguments) {
    Thread reader = new Thread(() -> {
      Scanner lines = new Scanner(System.in);
      while (lines.hasNextLine()) wanted.add(lines.nextLine());
      Runtime.getRuntime().halt(0);
    });
    reader.setDaemon(true);
    reader.start();
    PApplet.main("Harness");
  }

  @Override
  public void draw() {
    super.draw();
    String path = wanted.poll();
    if (path == null) return;
    save(path);
    System.out.println(path);
  }
}
