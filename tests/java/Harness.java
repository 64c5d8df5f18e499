// Runs a sketch as it stands. On each line read from standard input the next finished frame is saved under that name,
// and then the line is written back. "mouse X Y" moves the mouse there instead, "click" presses it. The end of input ends the
// sketch.

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
    String line = wanted.poll();
    if (line == null) return;
    if (line.startsWith("mouse ")) move(line.split(" "));
    else if (line.equals("click")) mousePressed();
    else save(line);
    System.out.println(line);
  }

  private void move(String[] words) {
    mouseX = Integer.parseInt(words[1]);
    mouseY = Integer.parseInt(words[2]);
    mouseMoved();
  }
}
